"""Lessons of the constructions that are faster, or need fewer layers, than the first ones."""

from __future__ import annotations

from ..lesson import Exercise, Lesson, Picture
from .common import ONE_STEP, RUNS_AWAY, SLOPE, broken

CHAPTER = (2, "Faster, or with fewer layers")

NEWTON_CARRIED = Lesson(
    construction="newton_carried",
    title="Newton’s iteration carries its prediction along and saves a layer",
    lead="The prediction is one more column of the head that iterates: no layer is spent on "
    "reading it.",
    paragraphs=(
        "As in Newton’s iteration, slot t holds {M1*x_t}, and the inverse of {S = X.T*X} is "
        "approached by {M1 = 2*M0 - M0*S*M0}. What is new is the slot of the prediction: the head "
        "that collects ⟨{M0*x_t}, {x_j}⟩ times a vector can collect a number beside it.",
        "Started from αI instead of αS, k iterations are exactly 2ᵏ steps of gradient descent: "
        "squaring what is left, I − αS at first, doubles the number of steps.",
    ),
    layers={
        "M_": "One head does two things with the same scores: it updates slot t and the "
        "prediction.",
    },
    parameters={"d": 2, "iterations": 2, "alpha": "1/6"},
    picture=Picture("inverse", options={"slot": "t"}),
    exercises=(
        Exercise(
            "Below which α does the iteration converge, for the start that is chosen?",
            "The first residual is 1 − αs² from αS, and 1 − αs from αI.",
            "Its absolute value has to be below 1 for the largest eigenvalue.",
            answer="limit",
        ),
        Exercise(
            "Started from αI, how many steps of gradient descent do 10 iterations make?",
            "Every iteration squares the residual.",
            "The residual of k iterations is that of 2ᵏ steps.",
            answer="2**10",
        ),
        broken(2, "t"),
    ),
)

DEEP_DESCENT = Lesson(
    construction="deep_descent",
    title="One layer can make more gradient steps than all layers before it",
    lead="Two heads multiply what was done so far with itself: N steps become 3N + 1.",
    paragraphs=(
        "Gradient descent with step α multiplies the error along an eigenvector of {S} by 1 − αs, "
        "s its eigenvalue. So N steps leave (1 − αs)ᴺ of it, a polynomial in s, and two heads can "
        "multiply such polynomials with each other.",
        "One layer turns N steps into 3N + 1: after L layers there are (3ᴸ − 1)/2. That this is as "
        "many as linear attention can make is proved beside the construction.",
    ),
    layers={
        "": "Slot u holds what N steps leave of x, slot t the sum of what 0, 1, …, N steps leave, "
        "times α, and slot r the residual. The two heads multiply these with each other.",
    },
    parameters={"d": 2, "layers": 3, "alpha": "1/4"},
    **SLOPE,
    sizes={"layers": (1, 2, 3, 4)},
    picture=Picture(
        "descent",
        "The dots are few and far apart: the first layer makes one step of gradient descent, the "
        "second three at once and the third nine.",
    ),
    names={"1 steps": "1 step"},
    exercises=(
        Exercise(
            "How many gradient steps do 5 layers make?",
            "Begin with 0 and apply 3N + 1.",
            "(3⁵ − 1)/2: 0, 1, 4, 13, 40, 121.",
            answer="(3**5 - 1)/2",
        ),
        Exercise(
            "Below which α does it converge on the prompt as it is now?",
            "|1 − αs| < 1.",
            "The condition is that of gradient descent, as it is gradient descent.",
            answer="limit",
        ),
        RUNS_AWAY,
    ),
)

MOMENTUM = Lesson(
    construction="momentum",
    title="A step that remembers the last one gets there sooner",
    lead="The ball keeps rolling: each step keeps a part of the step before, at the price of one "
    "more number per token.",
    paragraphs=(
        "The heavy ball rolls: {v1 = momentum*v0 - step_size*X.T*(X*w0 - y)} and {w1 = w0 + v1}. "
        "Tokens carry neither w nor v but their products with x: the residual r and the velocity.",
    ),
    layers={
        "w_": "The head weighs every example’s residual with ⟨{x_t}, {x_j}⟩; the MLP adds a part "
        "of the velocity before.",
    },
    parameters={"d": 2, "steps": 5, "step_size": "1/4", "momentum": "1/2"},
    **SLOPE,
    picture=Picture(
        "descent",
        "The path does not turn at once, as a part of the last step goes on: what the examples ask "
        "for now is added to what is kept, the grey bar.",
    ),
    exercises=(
        ONE_STEP,
        Exercise(
            "And after two steps?",
            "v₁ = w₁, and the second step adds β v₁.",
            "w₂ = (1 + β) w₁ + η Xᵀ(y − X w₁).",
            answer="x_q.T*((1 + momentum)*step_size*X.T*y + step_size*X.T*(y - step_size*X*X.T*y))",
        ),
        broken(2, "v"),
    ),
)

CHEBYSHEV = Lesson(
    construction="chebyshev",
    title="The best k steps all have a size of their own",
    lead="Where all that is known of the eigenvalues is that they lie between two numbers, no "
    "other k steps can promise a smaller error.",
    paragraphs=(
        "If the eigenvalues of {S} lie between two known numbers, k steps can multiply the error "
        "by a scaled Chebyshev polynomial: the polynomial of degree k that is 1 at 0 and smallest "
        "on the interval.",
        "So the number of steps grows with the square root of the condition number κ, where that "
        "of plain gradient descent grows with κ.",
    ),
    layers=MOMENTUM.layers,
    parameters={"d": 2, "steps": 4, "lowest": "4/5", "highest": "36/5"},
    **SLOPE,
    sizes={"steps": (1, 2, 3, 4, 5)},
    picture=Picture(
        "descent",
        "Steps and momenta change from layer to layer, so that what is left in the end is small in "
        "all directions at once; the grey bar is what is kept of the step before.",
    ),
    exercises=(
        Exercise(
            "What does the first step alone predict at the query?",
            "Its step size is 1 over the middle of the interval.",
            "One step of gradient descent with step 2/(lowest + highest).",
            answer="x_q.T*X.T*y*2/(lowest + highest)",
        ),
        Exercise(
            "The bound on the error’s factor is 2((√κ − 1)/(√κ + 1))ᵏ with κ = highest/lowest. For "
            "which k is it below 0.000001?",
            "Take the logarithm.",
            "k grows with √κ.",
            answer="ceil(log(0.0000005)/log((sqrt(highest/lowest) - 1)/(sqrt(highest/lowest) + "
            "1)))",
        ),
        broken(2, "v"),
    ),
)

PRECONDITIONED = Lesson(
    construction="preconditioned",
    title="A fixed matrix in the key changes what counts as alike",
    lead="With the right matrix between query and key, w walks straight to the solution instead "
    "of zigzagging.",
    paragraphs=(
        "The step is {w1 = w0 - step_size*preconditioner*X.T*(X*w0 - y)}. In attention the matrix "
        "stands between query and key: the score is ⟨{x_t}, P {x_j}⟩.",
        "If P were the inverse of {S}, one step would be enough. The weights cannot know {S}; they "
        "can know what prompts usually look like.",
    ),
    layers={
        "w_": "Scores ⟨{x_t}, P {x_j}⟩ times residuals, subtracted from the residual of every "
        "token.",
    },
    parameters={
        "d": 2,
        "steps": 3,
        "step_size": "1/2",
        "preconditioner": (("1/2", "-1/2"), ("-1/2", "5/6")),
    },
    **SLOPE,
    picture=Picture(
        "descent",
        "The path heads straight for the cross although the contours are long and narrow: the "
        "scores are ⟨{x_t}, P {x_j}⟩, and P knows the shape of the contours.",
    ),
    exercises=(
        Exercise(
            "Work out by hand what the first step alone predicts at the query.",
            "All residuals are targets before it.",
            "η xᵀ P Xᵀ y.",
            answer="step_size*x_q.T*preconditioner*X.T*y",
        ),
        Exercise(
            "On the first example P is the inverse of {S}. Which step size is then done in one "
            "step?",
            "P S = I.",
            "w = P Xᵀ y is least squares itself.",
            answer="1",
        ),
        Exercise(
            "Choose a step size so that the prediction is within one hundredth of least squares.",
            "See the exercise before.",
            "The error shrinks by 1 − η in every direction.",
            state=("close", 0.01),
        ),
    ),
)

GD_PLUS_PLUS = Lesson(
    construction="gd_plus_plus",
    title="The data get easier to fit from layer to layer",
    lead="Every layer makes a gradient step and, with the same scores, rounds off the data for "
    "the next one.",
    paragraphs=(
        "Beside the residual each token carries u, at first its x. The layer subtracts γ Σ ⟨{u_t}, "
        "{u_j}⟩ {u_j} from it: large directions of the data shrink, and the next gradient step "
        "meets a better conditioned problem.",
        "Each layer may have rates of its own, as trained ones have.",
    ),
    layers={
        "w_": "The scores ⟨{u_t}, {u_j}⟩ weigh residuals for the step and vectors for the "
        "transformation.",
    },
    parameters={"d": 2, "steps": 4, "step_size": "1/4", "gamma": "1/16"},
    **SLOPE,
    picture=Picture("descent"),
    exercises=(
        ONE_STEP,
        Exercise(
            "Along the eigenvector of the largest eigenvalue of {S}: what is the eigenvalue there "
            "after one layer, with u in the place of x?",
            "u is multiplied by 1 − γs there, and the eigenvalue by its square.",
            "s(1 − γs)².",
            answer="top*(1 - gamma*top)**2",
        ),
        broken(2, "u"),
    ),
)

MINIMAX = Lesson(
    construction="minimax_descent",
    title="The best step sizes cut the error bound to a third in every layer",
    lead="The transformer of GD++ with the rates that no other choice of rates can beat.",
    paragraphs=(
        "The step of layer k is 4·9ᵏ⁻¹/(3L), L a bound on the eigenvalues of {S}. Along an "
        "eigenvector √s times what k layers leave of the error is a Chebyshev polynomial of degree "
        "3ᵏ in √(s/L), times √L/3ᵏ. So it is at most √L/3ᵏ for every eigenvalue s up to L.",
        "No transformer with k layers of linear attention has a smaller bound.",
    ),
    layers=GD_PLUS_PLUS.layers,
    parameters={"d": 2, "layers": 3, "largest": "36/5"},
    **SLOPE,
    picture=Picture("descent"),
    exercises=(
        Exercise(
            "What is the step size of the first layer?", "k = 1.", "4/(3L).", answer="4/(3*largest)"
        ),
        Exercise(
            "For how many layers is the bound √L/3ᵏ below 0.001?",
            "Take the logarithm.",
            "Every layer brings a factor 3.",
            answer="ceil(log(sqrt(largest)/0.001)/log(3))",
        ),
        broken(2, "u"),
    ),
)
