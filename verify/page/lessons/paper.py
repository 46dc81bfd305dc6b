"""Lessons of the constructions that a paper prints, GeLU and layer norm included."""

from __future__ import annotations

from ..lesson import Exercise, Lesson, Picture
from .common import broken

CHAPTER = (5, "As a paper prints it: GeLU, softmax and layer norm")

LITERAL = {
    "mov": "A head finds one token by its position: the query is so long that the softmax is 1 "
    "there and 0 elsewhere. It copies units from that token into this one, and takes the old ones "
    "away.",
    "aff": "The MLP adds a linear function of this token’s units. A large constant carries numbers "
    "through the GeLU almost unchanged.",
    "mul": "GeLU is nearly quadratic around 0, and GeLU(x + y) − GeLU(x) − GeLU(y) is xy but for a "
    "constant and a small rest. So an MLP can multiply, nearly.",
    "div": "Layer norm divides by the size of the stream. Two large constants make that size the "
    "number to divide by.",
}

NAMES = {
    "mov": "move",
    "aff": "a linear map",
    "mul": "multiply",
    "div": "divide",
}

THEOREM_1 = Lesson(
    construction="akyurek2022_theorem1",
    title="A gradient step from the parts of a real transformer",
    lead="GeLU, softmax and layer norm multiply, move and divide: nine small operations in a row.",
    paragraphs=(
        "The target is one stochastic gradient step, {w1 = w0 - 2*step_size*(x1*(w0.T*x1 - y1) + "
        "ridge*w0)}, read at the query as {w1.T*x_t}.",
        "The layers are those of a real transformer: softmax attention, GeLU, layer norm. None of "
        "these multiplies two numbers exactly. Products come out of the curvature of GeLU, and a "
        "pair of large constants keeps the layer norm from doing harm.",
        "So the construction is approximate. How near it can come is decided by rounding: smaller "
        "arguments make a better product, until the digits run out.",
    ),
    layers=LITERAL,
    parameters={"d": 2, "step_size": "1/8", "ridge": "1/2", "examples": 1},
    X=((1, 1),),
    y=(3,),
    sizes={"d": (1, 2), "examples": (1, 2)},
    picture=Picture("written"),
    names=NAMES,
    exercises=(
        Exercise(
            "From {w0 = O}, what is the exact prediction at the query after one step on the first "
            "example? Work it out, then compare with the last layer.",
            "The error on the example is −{y1}.",
            "2η ⟨x, {x1}⟩ {y1}, up to what GeLU and rounding leave.",
            answer="2*step_size*x_q.T*x1*y1",
        ),
        Exercise(
            "Choose η and λ so that this step keeps nothing of {w0}: 1 − 2ηλ = 0. With η as it is, "
            "which λ is that?",
            "Solve for λ.",
            "{w1 = w0 - 2*step_size*(x1*(w0.T*x1 - y1) + ridge*w0)} contains (1 − 2ηλ){w0}.",
            answer="1/(2*step_size)",
        ),
        broken(
            1,
            "x",
            "Layer 1 moves x from the first token to the second.",
            "Every later operation reads what this one moved.",
        ),
    ),
)

THEOREM_2 = Lesson(
    construction="akyurek2022_theorem2",
    title="Ridge regression on one example from the parts of a real transformer",
    lead="The Sherman–Morrison formula, operation by operation, with a division by layer norm.",
    paragraphs=(
        "The inverse of λI + {x1*x1.T} is {I/ridge} minus a matrix of rank one divided by a "
        "number, so d² units hold the inverse and every operation is a product, a sum or one "
        "division.",
        "The division is layer norm’s: with two large constants in the stream its size is the "
        "number to divide by.",
        "Products divide by small constants and the division multiplies by large ones, so this "
        "chain loses many more digits than gradient descent does.",
    ),
    layers=LITERAL,
    parameters={"d": 2, "ridge": 1, "examples": 1},
    X=((1, 1),),
    y=(3,),
    shift="ridge",
    sizes={"d": (1, 2), "examples": (1, 2)},
    picture=Picture("written"),
    names=NAMES,
    exercises=(
        Exercise(
            "How large is 1 + {x1.T*P0*x1}, the number that the chain divides by?",
            "{P0 = I/ridge}.",
            "It is 1 + |{x1}|²/λ; look for it in the stream.",
            answer="1 + x1.T*x1/ridge",
        ),
        Exercise(
            "What is the exact ridge prediction at the query, for the one example of the prompt?",
            "{w1 = x1*y1/(ridge + x1.T*x1)}.",
            "Compare it with the last layer: the rest is approximation and rounding.",
            answer="x_q.T*x1*y1/(ridge + x1.T*x1)",
        ),
        Exercise(
            "Choose λ so that the prediction is within one hundredth of least squares.",
            "λ pulls the solution towards zero.",
            "A small λ makes {I/ridge} large, and large numbers cost digits here.",
            state=("close", 0.01),
        ),
    ),
)
