"""Lessons of the constructions that came out of further papers."""

from __future__ import annotations

from ..lesson import Exercise, Lesson
from .common import CLOSE, broken

CHAPTER = (6, "What further papers build")

FUNCTIONAL = Lesson(
    construction="functional_descent",
    title="Functional descent: the attention is the kernel",
    lead="What attention does to a score decides in which space of functions the layer descends.",
    paragraphs=(
        "A token carries what is left of its target, r = y − f(x). A layer adds to f a sum of the "
        "examples’ errors, each times h(⟨{x_j}, x⟩), h being what the attention does to a score.",
        "With linear attention f stays linear: {w1 = w0 + rate*X.T*(y - X*w0)}. With exponential "
        "attention it is a gradient step in the space of a kernel, and f bends. The ReLU of a "
        "score is no kernel: the sum is made all the same, but it descends no loss (cheng2024).",
    ),
    layers={"f_": "Errors of all examples, weighted by h(⟨{x_j}, x⟩), are taken off every r."},
    parameters={"d": 2, "steps": 3, "rate": "1/8"},
    exercises=(
        Exercise(
            "With linear attention, what does the first step alone predict at the query?",
            "All errors are targets before it.",
            "The rate times xᵀ Xᵀ y.",
            answer="rate*x_q.T*X.T*y",
        ),
        CLOSE,
        broken(2, "r"),
    ),
)

TEMPORAL = Lesson(
    construction="temporal_differences",
    title="A layer of attention learns the value of a state from transitions",
    lead="A prompt of transitions: each layer is one step of reinforcement learning.",
    paragraphs=(
        "An example is a transition: features φ of a state, φ′ of the next one, and the reward r "
        "as its y. A query has the features of a state, and asks for its value.",
        "A token carries its temporal difference, {y_t + gamma*w1.T*phi_next_t - w1.T*phi_t}: the "
        "reward and γ times the value of the next state, less the value of this one. At a query, "
        "which has neither reward nor next state, that is minus its value. A layer corrects all of "
        "them: "
        "{w1 = w0 + C*phi.T*(y + gamma*phi_next*w0 - phi*w0)/n}.",
        "The query asks with γφ′ − φ and the key answers with Cφ: this is the whole difference "
        "from gradient descent (wang2024).",
    ),
    layers={
        "embedding": "A transition’s token has φ, φ′ and r; a query has φ alone.",
        "w_": "Scores ⟨γφ′ − φ, C φ⟩ times temporal differences, for every token.",
    },
    parameters={"d": 1, "steps": 2, "gamma": "1/2", "C": ((1,),)},
    X=((1, 2), (2, 0), (-1, 1)),
    y=(1, 0, 2),
    queries=((1,),),
    goal="answer",
    exercises=(
        Exercise(
            "What does the first layer alone predict at a query with φ = 1 in this example?",
            "All differences are rewards before it: the sum of r φ, over n.",
            "(1·1 + 0·2 + 2·(−1))/3.",
            answer="-1/3",
        ),
        Exercise(
            "With γ = 0 and C = 1 a layer is a gradient step on half the mean of (r − wφ)². Of "
            "which step size?",
            "The next state plays no part then; the gradient is minus the mean of (r − wφ)φ.",
            "w moves by C times the mean of (r − wφ)φ, and C is 1: the gradient’s step size is 1.",
            answer="1",
        ),
        Exercise(
            "How many layers do 7 steps take?",
            "A layer is a step.",
            "7.",
            answer="7",
        ),
    ),
)

SUBLEQ = Lesson(
    construction="subleq",
    title="A computer of one command",
    lead="Ten layers execute: subtract, and jump if the difference is not above zero.",
    paragraphs=(
        "Columns of the prompt are memory and commands, in bits −1 and 1; the query is a "
        "scratchpad with the address of the next command. Softmax attention over addresses reads "
        "what a pointer names: the column and the scratchpad share the weight, half each.",
        "ReLUs subtract in two’s complement and decide the jump. The last layer takes every bit "
        "that is nearly −1, 0 or 1 back to it, so that the error of the softmax does not grow: "
        "the layers can be run again and again, a command each time (giannou2023).",
    ),
    layers={
        "embedding": "Columns are memory, then commands; the query is the scratchpad.",
        "read the command": "The scratchpad reads the command that its counter names.",
        "read memory": "Two heads read the two words.",
        "flip the bits": "The first step of two’s complement: every bit of the first word turns.",
        "add": "The second step: one is added, so that the word is minus what it was; then the sum "
        "of both words, a ReLU ramp for every bit and its carry.",
        "flag": "One ReLU sees a negative difference, another a difference of 0.",
        "next command": "The counter goes one on, as an addition of bits.",
        "branch": "Where the flag is up the counter becomes the command’s third pointer.",
        "write memory": "The column that the pointer names takes the difference.",
        "clamp": "Bits that are nearly right become right.",
    },
    parameters={"d": 2, "address": 2, "temperature": 10, "loops": 1},
    sizes={"d": (2, 3), "address": (2, 3), "loops": (1, 2, 3)},
    predicts=False,
    goal="answer",
    exercises=(
        Exercise(
            "How many layers do 5 commands take?",
            "Ten each.",
            "5 · 10.",
            answer="50",
        ),
        Exercise(
            "How many columns have an address of 4 bits, if 0 is none?",
            "Two to the number of bits, less one.",
            "2⁴ − 1.",
            answer="15",
        ),
        Exercise(
            "The words are both 1. What is the second one after the command?",
            "1 − 1.",
            "0, which is not above zero: it jumps to itself.",
            answer="0",
        ),
    ),
)
