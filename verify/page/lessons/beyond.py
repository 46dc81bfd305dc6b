"""Lessons of the constructions beyond linear regression, and of those that choose or multiply."""

from __future__ import annotations

from ..lesson import Exercise, Lesson, Picture
from .common import GENERAL, broken

CHAPTER = (4, "Beyond linear regression")

LASSO = Lesson(
    construction="lasso",
    title="Small coefficients become exactly zero",
    lead="A gradient step by attention, then a soft threshold by two ReLUs, with nothing "
    "approximated: the lasso.",
    paragraphs=(
        "The lasso adds λ times the sum of |w| to the squared errors. A gradient step {v1 = w0 - "
        "2*step_size*X.T*(X*w0 - y)} is followed by a soft threshold: every entry moves ηλ towards "
        "0 and stops there.",
        "The threshold is relu(v − ηλ) − relu(−v − ηλ): two hidden units of an MLP per entry.",
    ),
    layers={
        "w_": "The head makes the gradient step of w, at every token alike; the MLP makes the soft "
        "threshold.",
        "read-out": "The MLP multiplies w with every token’s own x, which is the prediction.",
    },
    parameters={"d": 2, "steps": 4, "step_size": "1/8", "penalty": 2},
    y=(2, -2, 0.5),
    goal="answer",
    lens="last layer",
    picture=Picture("threshold", amount="step_size*penalty", options={"slot": "w"}),
    exercises=(
        Exercise(
            "By how much does the threshold move each entry?",
            "η times λ.",
            "ηλ.",
            answer="step_size*penalty",
        ),
        Exercise(
            "What would one step predict at the query without the threshold?",
            "Every residual is the target.",
            "2η xᵀXᵀy.",
            answer="2*step_size*x_q.T*X.T*y",
        ),
        Exercise(
            "Choose λ so large that the prediction is 0.",
            "The threshold must swallow every step.",
            "Sparse: the entries are exactly 0, not nearly.",
            state=("zero",),
        ),
    ),
)

LOGISTIC = Lesson(
    construction="logistic",
    title="Attention learns to tell two classes apart",
    lead="A gradient step needs a probability at every example: an MLP makes it between two steps.",
    paragraphs=(
        "Targets are 0 or 1. With m = {w0.T*x_t} and p = s(m) the gradient is {X.T*(p - y)}. "
        "Attention moves m; the MLP turns m into p by a sum of ReLUs, a sigmoid drawn with "
        "straight lines.",
        "The page runs the algorithm with those lines. The shorter they are, and the further they "
        "reach, the nearer is it to the true sigmoid.",
    ),
    layers={
        "w_": "The head adds η ⟨{x_t}, {x_j}⟩ ({y_j} − {p_j}) to m; the MLP replaces p by s(m).",
    },
    parameters={"d": 2, "steps": 3, "step_size": "1/2", "pieces": 2, "reach": 4},
    y=(1, 0, 1),
    classes=True,
    goal="answer",
    sizes={"d": (1, 2), "steps": (1, 2, 3), "pieces": (1, 2, 3, 4, 5)},
    picture=Picture(
        "descent",
        "Each layer moves w one step down the loss. What an example adds at the query is how alike "
        "they are, times how far its probability is from the class that it has.",
        options={"slot": "m", "loss": "logistic"},
    ),
    exercises=(
        Exercise(
            "What is m at the query after the first step?",
            "s(0) = 1/2, at every example.",
            "η Σ ⟨x, {x_j}⟩ ({y_j} − 1/2).",
            answer="step_size*x_q.T*X.T*(y - 1/2)",
        ),
        Exercise(
            "And what would the true sigmoid make of it?",
            "1/(1 + e⁻ᵐ).",
            "The lines are close to it, not equal.",
            answer="1/(1 + exp(0 - step_size*x_q.T*X.T*(y - 1/2)))",
        ),
        broken(2, "m"),
    ),
)

KERNEL = Lesson(
    construction="kernel_regression",
    title="Every example raises a bump, and the bumps add up to the curve",
    lead="The score of attention is the kernel, and what a token carries is what the curve still "
    "misses of its target.",
    paragraphs=(
        "f moves by η Σ ({y_j} − f({x_j})) K({x_j}, x). A transformer that carries the residual at "
        "every token needs nothing else: the score of attention is the kernel.",
        "Here the kernel is exp(⟨x, x′⟩/τ) and every row is divided by its sum, which is softmax "
        "attention. All inputs are on the unit circle, where this kernel is a bump around each of "
        "them, the narrower the smaller τ; each layer smooths what is left of the targets and adds "
        "it.",
    ),
    layers={
        "f_": "Every residual is reduced by η times the residuals of the examples that are alike.",
        "features": "An MLP makes the features of the kernel.",
    },
    parameters={
        "d": 2,
        "steps": 4,
        "step_size": 1,
        "kernel": "exponential",
        "temperature": "1/8",
    },
    X=((1, 0), (0.8, 0.6), (0.28, 0.96), (-0.28, 0.96), (-0.8, 0.6), (-1, 0)),
    y=(0, 2, 3, 1, -1, 0),
    queries=((0.6, 0.8),),
    goal="answer",
    picture=Picture("kernel"),
    exercises=(
        Exercise(
            "All |x| are 1. By which factor does an example at the query itself outweigh one at a "
            "right angle to it?",
            "The weights are in the proportion of exp(⟨x, {x_j}⟩/τ).",
            "exp(1/τ): the smaller τ, the narrower the bumps.",
            answer="exp(1/temperature)",
        ),
        Exercise(
            "If every target were 1, what would the first step alone predict at the query?",
            "The weights of one row add up to 1.",
            "η: a weighted mean of equal numbers is that number.",
            answer="step_size",
        ),
        GENERAL[2],
    ),
)

GELU_PRODUCT = Lesson(
    construction="gelu_product",
    title="A bend in GeLU is enough to multiply two numbers",
    lead="GeLU is nearly a parabola around 0, and the difference of two squares is a product.",
    paragraphs=(
        "(u + v)² − (u − v)² is 4uv. GeLU is a half of its argument plus a nearly quadratic part, "
        "so a few hidden units make a product, with an error of second order in the scale of their "
        "arguments.",
        "Units at one, two, three times the scale cancel the leading errors, as Richardson’s "
        "extrapolation does: order r leaves an error of order scale to the power 2r.",
    ),
    layers={
        "embedding": "The token is the pair of factors, the two halves of x.",
        "product": "Every hidden unit is a GeLU of a combination of the two factors; the last "
        "weights put their curvatures together.",
    },
    parameters={"d": 2, "order": 2, "scale": "1/4"},
    predicts=False,
    sizes={"d": (2, 4)},
    picture=Picture("product"),
    exercises=(
        Exercise(
            "How many hidden units does one product take at order 3?",
            "Four at order 1.",
            "4 · order.",
            answer="4*3",
        ),
        Exercise(
            "At order 2, by which factor does the leading error shrink when the scale is halved?",
            "It is of order scale⁴.",
            "2⁴.",
            answer="2**4",
        ),
        Exercise(
            "GeLU(x) is x/2 + cx² + …, so that GeLU(x + y) − GeLU(x) − GeLU(y) is nearly 2cxy. By "
            "which number, 1/(2c), is it multiplied to be nearly xy?",
            "GeLU(x) is x times the share of a normal distribution below x; that share grows at 0 "
            "with slope 1/√(2π).",
            "c = 1/√(2π), so 1/(2c) is √(π/2).",
            answer="sqrt(3.141592653589793/2)",
        ),
    ),
)

SPLINES = Lesson(
    construction="spline_regression",
    title="Lines become curves once the MLP makes splines of x",
    lead="One MLP turns a number into B-splines; what follows is linear regression on them.",
    paragraphs=(
        "A linear predictor can only draw a line. A ReLU MLP in the first layer makes a basis of "
        "B-splines of x, exactly, and every later layer sees those instead of x.",
        "So any construction for linear regression becomes one for curves. Here it is the one that "
        "triples its number of gradient steps with every layer.",
    ),
    layers={
        "embedding": "Each token has its number x in [0, 1] and its target.",
        "B-splines": "The MLP evaluates every spline at x and writes the values where x would "
        "stand.",
        "": "Two heads multiply what was done so far with itself.",
    },
    parameters={"basis": 3, "layers": 4, "alpha": "1/4"},
    X=((0,), (0.25,), (0.5,), (0.75,), (1,)),
    y=(0, 1, 2, 1, 0),
    queries=((0.375,),),
    goal="answer",
    unit=True,
    sizes={"layers": (2, 3, 4), "d": (1,)},
    picture=Picture("basis", options={"slot": "x"}),
    names={"1 steps": "1 step"},
    exercises=(
        Exercise(
            "How many gradient steps are made with 5 layers, the first making splines?",
            "(3ᵏ − 1)/2 for the k that are left.",
            "(3⁴ − 1)/2.",
            answer="(3**4 - 1)/2",
        ),
        Exercise(
            "For a function with two derivatives the best number of splines grows like n to the "
            "power 1/5. For 32 times as many examples, by which factor?",
            "32 = 2⁵.",
            "A factor 2.",
            answer="2",
        ),
        Exercise(
            "And with which power of n does the squared error fall then? Give it as a positive "
            "number.",
            "2s/(2s + 1) with s = 2.",
            "n to the power −4/5: slower than the 1/n of a line, and no method does better.",
            answer="4/5",
        ),
    ),
)

INDUCTION_HEAD = Lesson(
    construction="induction_head",
    title="Two heads find what followed a word the last time",
    lead="One head writes into every word the word before it; the next looks for its own word "
    "there, and copies the word where it finds it.",
    paragraphs=(
        "Words are one-hot, after a beginning that is no word. Both heads are causal softmax heads "
        "whose scores are whole numbers times the sharpness β, and no two keys that a token sees "
        "have the same score: so all other keys have at most 1/(exp(β) − 1) of what the highest "
        "has, in every text.",
        "The first head scores a key’s number, and 1 more or less as the distance is odd or even: "
        "the token before scores highest. The second scores a key’s number too, and adds the "
        "greatest length of a text where the word before is the one asked for, and at the "
        "beginning. So of several matches the last wins, and without one the beginning, which "
        "says: nothing.",
        "Olsson and others (2022) found such pairs of heads in trained transformers. As a GPT-2 "
        "that reads token ids these weights are a test for tools that look for them.",
    ),
    layers={
        "embedding": "Every token has its word, its number and the parity of that; the first is a "
        "beginning without a word.",
        "look back": "The word of the token before goes into every token.",
        "match and copy": "Where the word before is the token’s own, the word that stands there is "
        "what followed it; the last such place counts, or the beginning.",
    },
    letters=True,
    picture=Picture("words", options={"words": "word", "notes": "before"}),
    parameters={"d": 3, "length": 16, "sharpness": 20},
    sizes={"d": (1, 2, 3, 4), "length": (16, 64)},
    predicts=False,
    goal="answer",
    exercises=(
        Exercise(
            "The beginning is token 0. What does token 4 score for token 5 in the first layer, in "
            "units of β?",
            "Its number, and 1 more, as the distance is odd.",
            "4 + 1; token 5 scores 5 − 1 for itself, and token 3 scores 3 − 1.",
            answer="5",
        ),
        Exercise(
            "How much do all other keys have together at most, of what the right one has?",
            "Their scores are below its own by β, 2β, 3β and so on, at least.",
            "A geometric series: 1/(exp(β) − 1).",
            answer="1/(exp(sharpness) - 1)",
        ),
        Exercise(
            "Of how many texts of ten words, from a vocabulary of three, is that proved at once?",
            "Each word is one of three.",
            "3¹⁰.",
            answer="3**10",
        ),
    ),
)
