"""Lessons of the constructions beyond gradient descent and Newton."""

from __future__ import annotations

from ..lesson import Exercise, Lesson, Picture
from .common import CLOSE, FIRST_UPDATE

CHAPTER = (3, "Exact answers, and choices made in context")

RECURSIVE = Lesson(
    construction="recursive_least_squares",
    title="Every token ends with the regression on all examples up to its own",
    lead="No token stores a matrix: each carries what the matrix does to its own x.",
    paragraphs=(
        "The Sherman–Morrison formula updates an inverse by one example: {P1 = P0 - "
        "P0*x1*x1.T*P0/(1 + x1.T*P0*x1)}. Token t needs of it only {P1*x_t}, a vector.",
        "Attention is causal, so the token of example t ends with the regression on the examples "
        "up to its own: the predictor of every prefix, in one pass.",
    ),
    layers={
        "read": "Every token reads example i: its x, P x and residual.",
        "update": "The correction, divided by 1 + {x.T*P*x}, is applied at every token.",
    },
    parameters={"d": 2, "examples": 3, "ridge": 1},
    shift="ridge",
    sizes={"examples": (1, 2, 3, 4)},
    picture=Picture("examples", amount="ridge", options={"inverse": ("z",)}),
    exercises=(
        FIRST_UPDATE,
        Exercise(
            "What does the query predict after the first example alone?",
            "Ridge regression on one example has a closed form.",
            "⟨x, {x1}⟩ {y1} / (λ + |{x1}|²).",
            answer="x_q.T*x1*y1/(ridge + x1.T*x1)",
        ),
        CLOSE,
    ),
)

PAIRED = Lesson(
    construction="paired_least_squares",
    title="Two examples are read at once, at the price of one",
    lead="Ridge regression at one layer per example: a pair is absorbed as one small system of "
    "equations.",
    paragraphs=(
        "Two examples change {S} by a matrix of rank two. What the Sherman–Morrison formula "
        "divides by is then the determinant of a 2 × 2 system, and the inverse of that system is "
        "its adjugate over the determinant.",
        "One layer reads a pair and makes the numbers of the system. The next divides by the "
        "determinant, which normalised attention can do, and corrects every token.",
    ),
    layers={
        "read": "Every token learns what it needs of the pair: inner products with P between.",
        "update": "The 2 × 2 system is solved in place, and every token’s z and r are corrected.",
    },
    parameters={"d": 2, "examples": 4, "ridge": 1},
    X=((1, 1), (-1, 1), (0, 1), (2, 1)),
    y=(3, -1, 2, 3),
    shift="ridge",
    sizes={"examples": (2, 3, 4)},
    picture=Picture(
        "examples",
        "The two examples in orange are read together: the fit turns towards both, and of the "
        "weights that are likely those stay that lie near both lines.",
        amount="ridge",
        options={"inverse": ("z",)},
    ),
    exercises=(
        Exercise(
            "How many layers does it take for 11 examples?",
            "Two layers per pair; an odd last example is absorbed alone, in two layers.",
            "5 pairs and one more: 12.",
            answer="12",
        ),
        FIRST_UPDATE,
        CLOSE,
    ),
)

BAYES = Lesson(
    construction="bayes_ridge",
    title="The transformer knows how sure it is",
    lead="The fit is the mean of what w may be; the matrix beside it says how far from the mean "
    "w may lie.",
    paragraphs=(
        "If w is normal with variance *prior* and y has noise of variance *noise*, the posterior "
        "mean of {w.T*x_t} is ridge regression with λ = noise/prior.",
        "Every token carries {P3*x_t} already; one layer more multiplies it with x: noise · "
        "{x_t.T*P3*x_t} is the posterior variance.",
    ),
    layers={**RECURSIVE.layers, "variance": "The MLP multiplies what P made of x with x."},
    parameters={"d": 2, "examples": 3, "noise": 1, "prior": 1},
    shift="noise/prior",
    goal="answer",
    sizes={"examples": (1, 2, 3, 4)},
    picture=Picture(
        "examples",
        "The band is one standard deviation to either side, and shrinks where examples are read: "
        "each is a line of weights that fit it, and the likely weights gather there.",
        amount="noise",
        options={"inverse": ("z",)},
    ),
    exercises=(
        Exercise(
            "Which λ does the ridge regression have?",
            "A ratio of two variances.",
            "noise/prior.",
            answer="noise/prior",
        ),
        Exercise(
            "Before any example, what is the variance of {w.T*x_t} at the query?",
            "w has variance *prior* in every direction.",
            "prior · |x|².",
            answer="prior*x_q.T*x_q",
        ),
        CLOSE,
    ),
)

SELECTION = Lesson(
    construction="selection",
    title="Held-out examples choose between two fits",
    lead="Two ridge regressions run side by side, and attention gives all its weight to the one "
    "that misses by less.",
    paragraphs=(
        "Both regressions are fitted to all but the last examples. Their squared errors on the "
        "last ones are summed, and D is the difference of the two sums.",
        "The choice is a division: relu(−D) / (relu(D) + relu(−D)) is 1 or 0, and normalised "
        "attention divides. A tie has no answer.",
    ),
    layers={
        **RECURSIVE.layers,
        "validation": "Squared errors at the held-out tokens.",
        "sums": "Their sums, side by side.",
        "choice": "Normalised attention gives weight 1 to the better regression and 0 to the "
        "other.",
    },
    parameters={"d": 2, "examples": 3, "validation": 1, "ridges": (1, "1/4")},
    goal="answer",
    sizes={"d": (1, 2), "examples": (2, 3, 4)},
    picture=Picture("selection"),
    exercises=(
        Exercise(
            "With one held-out example there are 2 layers per fitted example and 3 more. How many "
            "for 10 examples?",
            "9 are fitted.",
            "2 · 9 + 3.",
            answer="2*9 + 3",
        ),
        Exercise(
            "For the first strength, λ = 1, how large is {x1.T*P0*x1}?",
            "{P0 = I}.",
            "|{x1}|².",
            answer="x1.T*x1",
        ),
        Exercise(
            "Break it: change any weight that matters.",
            "Not every weight matters on every prompt.",
            "Where a slot is 0, its weight cannot be seen.",
            state=("refuted",),
        ),
    ),
)
