"""Lessons of the constructions whose weights are derived."""

from __future__ import annotations

from ..lesson import Exercise, Lesson, Picture
from .common import broken

CHAPTER = (1, "The first four: a step, an inverse, a faster inverse, one example at a time")

NEWTON = Lesson(
    construction="newton",
    title="Attention inverts a matrix: every layer squares the error",
    lead="Every token asks the examples the same question again and again, and the number of "
    "correct digits doubles with every layer.",
    paragraphs=(
        "The examples are the rows {x1.T}, {x2.T}, … of {X}, with targets {y}. Least squares "
        "predicts {w.T*x_t} at a new input, where {w = M*X.T*y} and M is the inverse of {S = "
        "X.T*X}. Everything is multiplication, except for that inverse.",
        "Newton’s method finds it by multiplication too. Start with {M0 = alpha*S} and repeat {M1 "
        "= 2*M0 - M0*S*M0}. Where M is wrong by a factor 1 − ε in some direction, the next one is "
        "wrong by 1 − ε²: the number of correct digits doubles with every step.",
        "Attention without softmax multiplies by {S} in passing. If token t asks with a query q, "
        "and every example answers with key and value {x1}, {x2}, …, it receives the sum of all "
        "⟨q, {x_j}⟩ {x_j}, which is {S*q}. So one layer is one iteration, at all tokens at once.",
    ),
    layers={
        "M_0": "Token t compares its {x_t} with every example’s x and collects α · score · {x_j}. "
        "The sum over the examples is {alpha*S*x_t = M0*x_t}.",
        "M_": "The query is what slot t holds, {M*x_t}; the keys are the {x_j}; the values are "
        "−½{M*x_j}. Their sum, −½{M*S*M*x_t}, is added to {M*x_t}. The MLP doubles the whole: "
        "{2*M*x_t - M*S*M*x_t}, one Newton iteration.",
        "read-out": "The same query now reads the targets: the sum of ⟨{M*x_t}, {x_j}⟩ {y_j} is "
        "{x_t.T*M*X.T*y}, the prediction.",
    },
    parameters={"d": 2, "iterations": 3, "alpha": "1/6"},
    lens="last layer",
    picture=Picture(
        "inverse",
        "S stretches a direction by s and M by m. From layer 2 on every bar is twice as long as in "
        "the layer before: the correct digits double. The last layer leaves M alone and predicts.",
        options={"slot": "t"},
    ),
    exercises=(
        Exercise(
            "The largest eigenvalue of {S} is shown beside the controls. Below which α does the "
            "iteration converge on the prompt as it is now?",
            "In the direction of an eigenvalue s the first error is 1 − αs².",
            "The error 1 − αs² of the start is squared by every layer. It dies out if |1 − αs²| < "
            "1 for every eigenvalue s, that is, for α < 2/s² at the largest s.",
            answer="limit",
        ),
        Exercise(
            "Let ρ be the largest |1 − αs²| (it is shown beside the controls). How many iterations "
            "k does it take until the bound ρ to the power 2ᵏ is below 0.000001?",
            "Take the logarithm twice.",
            "2ᵏ log ρ < log 10⁻⁶. Six digits more would cost one or two layers, not six: the "
            "number of correct digits doubles.",
            answer="ceil(log(log(0.000001)/log(rho))/log(2))",
        ),
        broken(
            2,
            "t",
            "Open layer 2 and change a weight of its head or of its MLP.",
            "Layer 1 is still right, so M₀x is right; the damage starts where the weight is. The "
            "layers after it are wrong too, though their weights are right.",
        ),
    ),
)

GRADIENT_DESCENT = Lesson(
    construction="gradient_descent",
    title="A layer of attention is one step of gradient descent",
    lead="One head looks at how wrong every example is, and moves the prediction by how alike "
    "the example is to the query.",
    paragraphs=(
        "We look for w so that {w.T*x_t} is close to {y_t} on the examples. Gradient descent "
        "starts at {w0 = O} and walks downhill: each step subtracts η times the gradient, which is "
        "2{X.T*(X*w0 - y)} for the sum of squared errors.",
        "The transformer never stores w. Token t carries only its own fit {w1.T*x_t}. That is "
        "enough: a step changes the fit by 2η times the sum of ⟨{x_t}, {x_j}⟩ times the j-th "
        "example’s error. The score is the similarity of two inputs; the value is the error.",
        "So the attention pattern can be read aloud: *examples like me were predicted too low by "
        "this much, so I go up by that much*.",
    ),
    layers={
        "w_": "The score is ⟨{x_t}, {x_j}⟩, how alike two inputs are. The value is the example’s "
        "error, target minus fit, times the step size. The sum moves every token’s fit, and the "
        "query’s fit with them, by one gradient step.",
    },
    parameters={"d": 2, "steps": 4, "step_size": "1/8"},
    left="(1 - step_size*((1 - mean)*2*(s + ridge) + mean*(s/n + ridge)))**steps",
    shift="ridge*(1 - mean) + ridge*n*mean",
    picture=Picture("descent"),
    exercises=(
        Exercise(
            "Below which step size η does gradient descent converge on the prompt as it is now?",
            "Each step multiplies the error in the direction of an eigenvalue s by a factor that "
            "is linear in η; for the sum of squares it is 1 − 2η(s + λ).",
            "The factor of the largest eigenvalue reaches −1 first.",
            answer="limit",
        ),
        Exercise(
            "With the sum as loss and no ridge, what does one single step from zero predict at the "
            "query? Work it out from the table, then check.",
            "Before the first step every fit is 0, so every error is the target itself.",
            "2η Σ ⟨x, {x_j}⟩ {y_j}: one step of gradient descent is a weighted vote of the "
            "targets.",
            answer="2*step_size*x_q.T*X.T*y",
        ),
        Exercise(
            "Choose a step size for which the predictions run away.",
            "Go beyond the limit of the first exercise.",
            "Every layer now enlarges the error by the same factor. The transformer still does "
            "exactly what it should: it is the algorithm that diverges.",
            state=("diverges",),
        ),
    ),
)

SHERMAN_MORRISON = Lesson(
    construction="sherman_morrison",
    title="Ridge regression is reached exactly, one example at a time",
    lead="Two layers read an example, and after the last one the solution is there: no "
    "iteration, no step size.",
    paragraphs=(
        "Ridge regression predicts {w.T*x_t} with {w = P*X.T*y}, P the inverse of S + λI. Without "
        "any example the inverse is easy: {P0 = I/ridge}.",
        "One more example changes S by {x1*x1.T}, a matrix of rank one, and the Sherman–Morrison "
        "formula turns the old inverse into the new one: {P1 = P0 - P0*x1*x1.T*P0/(1 + "
        "x1.T*P0*x1)}. Products are done by a gated MLP, which multiplies two of its inputs.",
        "The division is done by attention. A token that attends to itself with score s, and to a "
        "null key with score 1, gives itself the weight s/(1 + s): normalising divides.",
    ),
    layers={
        "embedding": "The first token is a register: it carries the inverse {P0 = I/ridge} and the "
        "solution so far. The examples wait to be read, one after the other.",
        "multiply": "The register’s query meets the key of one example, found by its position, and "
        "fetches x and y. The MLP multiplies: {P*x} and the error {y} − {w.T}x.",
        "update": "The register attends to itself and to a null key, which divides by 1 + "
        "{x.T*P*x}. The MLP multiplies again and subtracts: P and w are those of one example more, "
        "and the workspace is empty again.",
        "read-out": "Every query fetches w from the register and multiplies it with its own x.",
        "gate": "The MLP copies x, {P*x} and the residual at one example’s token alone.",
        "divide": "That token attends to itself and to a null key: its copies are divided by 1 + "
        "{x.T*P*x}.",
    },
    parameters={"d": 2, "examples": 3, "ridge": 1},
    shift="ridge",
    lens="last layer",
    picture=Picture("examples", amount="ridge", options={"inverse": ("P", "z")}),
    exercises=(
        Exercise(
            "The first example is read with {P0 = I/ridge}. How large is {x1.T*P0*x1}?",
            "It is the squared length of x₁, divided by λ.",
            "The layer “update 1” divides by one plus this number: look at its score.",
            answer="x1.T*x1/ridge",
        ),
        Exercise(
            "Choose λ so that the prediction is within one hundredth of least squares.",
            "λ pulls the solution towards zero.",
            "As λ goes to 0 the ridge solution becomes the least-squares solution. The proof needs "
            "λ > 0 all the same: it starts from I/λ.",
            state=("close", 0.01),
        ),
        broken(
            2,
            "w",
            "w is written by the MLP of layer 2, from the hidden unit g·e.",
            "P is still right after layer 2, and u, g, e were right before: only the block that "
            "writes w is to blame.",
        ),
    ),
)

HYPERPOWER = Lesson(
    construction="hyperpower",
    title="With one term more, every layer cubes the error",
    lead="Newton’s idea carried one term further: three times as many correct digits after each "
    "layer.",
    paragraphs=(
        "As in Newton’s method the aim is the inverse of {S = X.T*X}, found by multiplication "
        "only, this time from the start {M0 = alpha*I}.",
        "With the residual R = I − {M0*S} the next iterate is (I + R + R²){M0}: the first three "
        "terms of the geometric series for the inverse. Its residual is R³.",
    ),
    parameters={"d": 2, "iterations": 2, "alpha": "1/4"},
    lens="last layer",
    picture=Picture(
        "inverse",
        "S stretches a direction by s and M by m; from layer 2 on every bar is three times as long "
        "as before, so the correct digits triple, until M·S leaves the unit circle alone.",
        options={"slot": "t"},
    ),
    layers={
        "embedding": "Every token has its {x_t} and, in slot t, α times it: the start {M0 = "
        "alpha*I} multiplied with x.",
        "M_0": "Scores ⟨{M0*x_t}, {x_j}⟩ times {x_j} make s, which is {S*M0*x_t}; times {y_j} they "
        "make the first prediction.",
        "M_": "The query is t, the key is s − 3x: one head makes the whole third-order term of t, "
        "of s and of the prediction, and the MLP keeps three times what was there.",
    },
    exercises=(
        Exercise(
            "Below which α does the iteration converge on the prompt as it is now?",
            "In the direction of an eigenvalue s the first residual is 1 − αs.",
            "The residual is cubed every time. It dies out if |1 − αs| < 1 for all s.",
            answer="limit",
        ),
        Exercise(
            "Let ρ be the largest |1 − αs|. How many iterations k does it take until ρ to the "
            "power 3ᵏ is below 0.000001?",
            "Take the logarithm twice.",
            "The number of correct digits triples with every iteration.",
            answer="ceil(log(log(0.000001)/log(rho))/log(3))",
        ),
        Exercise(
            "Choose an α for which the predictions run away.",
            "Go beyond the limit of the first exercise.",
            "The transformer still does exactly what it should: the algorithm diverges.",
            state=("diverges",),
        ),
    ),
)
