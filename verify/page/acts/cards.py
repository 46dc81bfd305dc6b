"""What the eight cards say. {query:…} and the like colour words by their role."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .weights import CLAIM

ROLES = ("query", "key", "value", "written")


@dataclass(frozen=True)
class Card:
    """One card: `title` is a sentence, `text` has its paragraphs, `task` ends it. `extra` is HTML
    that the script fills or listens to, `answer` is folded away below the task. `pages`: names of
    pages that say more, and what of them is said."""

    title: str
    text: tuple[str, ...]
    task: str
    extra: str = ""
    answer: str = ""
    pages: tuple[tuple[str, str], ...] = ()


def coloured(text: str) -> str:
    """{query:asks} as a span of that role."""
    return re.sub(rf"\{{({'|'.join(ROLES)}):([^}}]*)\}}", r'<span class="\1">\2</span>', text)


STEP = (
    '<p class="formula" role="math" aria-label="Delta is the sum over the points j of '
    'score times value">'
    "{written:Δ} = Σ<sub>j</sub> ({query:x}·{key:x<sub>j</sub>} + {query:1}·{key:1}) "
    "× {value:2η (y<sub>j</sub> − line<sub>j</sub>)}</p>"
)
RATE = (
    '<label class="slider">Step size <input type="range" id="rate" min="0.05" max="1.2" '
    'step="any" aria-describedby="rate-text"></label>'
    '<p class="reading-off" id="rate-text"></p>'
)
RACE = (
    '<label class="slider">Stretch <input type="range" id="condition" min="0.5" max="3" '
    'step="any" aria-describedby="condition-text"></label>'
    '<p class="reading-off" id="condition-text"></p>'
    '<table class="racers"><thead><tr><th scope="col">Who, and by which rule</th>'
    '<th scope="col">Layers to 10<sup>−6</sup></th><th scope="col">Error left</th></tr></thead>'
    '<tbody id="racers"></tbody></table>'
)
SIGNS = (
    '<div class="signs" role="group" aria-label="Signs of the two heads">'
    + "".join(
        f'<button type="button" data-flip="{name}" aria-pressed="false" '
        f'title="flip the sign of {name[0]} of head {name[1]}">{name[0]}<sub>{name[1]}</sub>'
        "</button>"
        for name in ("Q1", "K1", "V1", "Q2", "K2", "V2")
    )
    + '</div><p id="verdict" role="status"></p>'
)
CARDS = (
    Card(
        "It starts with a guess, and with no idea.",
        (
            "Six points, and a question {query:?}: which y belongs to this x? That is the "
            "<em>prompt</em>, all that the <em>transformer</em>, a machine of the kind behind "
            "chatbots, gets to read.",
            "Its own numbers, the <em>weights</em>, were written down by hand before these points "
            "existed, and they never change. So it opens with the dullest line there is: y = 0.",
            "Yet round by round, <em>layer</em> by layer, the line finds the points, and nobody "
            "trains anything. How?",
        ),
        "Press Play. Then drag a point somewhere else (or focus it and use the "
        "<span class='unglossed'>arrow keys</span>), and play again: same weights, new line.",
    ),
    Card(
        "The question asks every point: how much are you like me?",
        (
            "Every point travels as a <em>token</em>, a list of numbers. Two of them count now: "
            "its x and a 1. <em>Attention</em> is how tokens look at each other.",
            "The question sends out a {query:query}: its own two numbers. Every point holds up a "
            "{key:key}: its two. Multiply x by x and 1 by 1, and add: that is the {key:score}.",
            "Same side, far out: a high score, a thick arc. Opposite sides: below zero, a dashed "
            "arc.",
        ),
        "Drag the {query:?} far to the left. Which scores change their sign, and where do they "
        "all become 1?",
    ),
    Card(
        "Every point says how wrong the line is there.",
        (
            "A token carries two more numbers, its y and the height of the line there. What it "
            "hands over when it is asked, its {value:value}, is their difference: the "
            "{value:error}, y minus height, the green bar in the picture.",
            "The error is turned down by a small factor first, 2η = <span data-twice-rate></span>. "
            "η is the <em>step size</em>: nobody is to shout too loudly.",
        ),
        "Drag a point onto the line. Its bar vanishes: what is right already has nothing to say.",
    ),
    Card(
        "Multiply, add, and the line moves.",
        (
            "Each point’s {key:score} times its {value:value} is one bar. Laid end to end, the "
            "bars make the step {written:Δ}:",
            STEP,
            "Here line<sub>j</sub> is the height of the line at point j. The answer at {query:?} "
            "moves by exactly {written:Δ}. Every other place asks with its own x, so the whole "
            "line moves. You may know this step from elsewhere: it is <em>gradient descent</em>, a "
            "step downhill on the <em>loss</em>, the sum of the squared errors.",
        ),
        "Press Step. Then point at a bar: its arc, its bar and its error light up together.",
        pages=(
            ("gradient_descent", "These weights, number by number"),
            ("vonoswald2022.prop1", "The paper that wrote them down first, checked"),
        ),
    ),
    Card(
        "Every layer is one step downhill.",
        (
            "A line is two numbers, its height and its slope, so it is a dot on this map. The "
            "rings join lines of equal loss. In the middle lies the best line, dotted among the "
            "points.",
            "One round of attention is one layer. Eight layers are eight steps, and each "
            "leaves a dot.",
        ),
        "Play it through. Then make the step larger: from where on does the path run away?",
        RATE,
        pages=(("momentum", "Steps that remember the last one"),),
    ),
    Card(
        "Stretch the data, and gradient descent crawls.",
        (
            "The same points, with x in another unit: the best line fits as well as before, but "
            "the rings become a valley. The <em>condition number</em> κ says how long it is: the "
            "larger eigenvalue λ₁ of S = Σ x<sub>j</sub>x<sub>j</sub><sup>⊤</sup> divided by the "
            "smaller, λ₂; x<sub>j</sub> is the x and the 1 of point j. Five transformers race; the "
            "next card says how Newton does it.",
        ),
        "Slide κ to 4 and to 1000. Who does not care? Choose a racer to see its path, and play it.",
        RACE,
        "Gradient descent needs some 7κ layers for this goal. The Newtons start from a small "
        "multiple α of S, or of the identity matrix I. Newton doubles the steps in every "
        "layer and the third order triples them, so that ten times the κ costs two to seven layers "
        "more. Sherman–Morrison reads one point after the other, two layers each, and is done "
        "after the last, whatever κ is; what it computes is ridge regression, the best line with a "
        "small price on large numbers, and its error is counted from that. All others are counted "
        "from the best line. The third order loses digits again once it is through: a computer "
        "keeps 16 of them, and what it cuts off grows.",
        pages=(
            ("newton_carried", "Newton from αI"),
            ("hyperpower", "Third order"),
            ("sherman_morrison", "Sherman–Morrison"),
        ),
    ),
    Card(
        "Newton uses the same bars to invert a matrix.",
        (
            "A line is w, its slope and its height. The best one solves S w = Σ "
            "y<sub>j</sub>x<sub>j</sub>. With the inverse of S you would be done at once. So let "
            "every token carry t = Mx: its x and its 1, times a matrix M that is a guess for that "
            "inverse, at first a small multiple of S.",
            "One layer: {query:query t}, {key:key x<sub>j</sub>}, {value:value −t<sub>j</sub>/2}. "
            "Multiply, add the bars to t, double the whole. What comes out is t for a better "
            "guess, 2M − MSM.",
        ),
        "Step through. Once M is right, S M is 1 on the diagonal and 0 beside it, and the bars add "
        "up to −t/2. Twice what is left is t again: nothing changes any more. The last layer asks "
        "with t, takes y for the value, and has the answer.",
        '<div id="inverse" class="inverse" aria-live="off"></div>',
        pages=(("newton", "These weights, number by number"),),
    ),
    Card(
        "A printed proof has one sign wrong: find it.",
        (
            "Fu et al. (2023) build the same Newton iteration with an attention that turns "
            "negative scores u into 0, written ReLU(u). Two <em>heads</em>, rounds of attention at "
            "the same time whose results are added, share the work: one sees u, the other −u.",
            "But as it is printed the line shoots away. The outlined bars are what point 1 should "
            "get from each point, the filled ones what it does get. Every head has a {query:Q} for "
            "its query, a {key:K} for its key, a {value:V} for its value.",
        ),
        "Change signs until every bar fills its outline.",
        SIGNS,
        "ReLU(u) + ReLU(−u) is |u|: the sign is lost. With −V<sub>2</sub> it is "
        "ReLU(u) − ReLU(−u), and that is u. With this one sign changed the theorem holds, for "
        "every number of points and of dimensions; the check of the paper "
        f"(<code>witness check {CLAIM}</code>) proves it.",
        pages=((CLAIM, "The theorem, as printed and mended, side by side"),),
    ),
)


def card_of(name: str) -> int:
    """The first card that leads to the page of this name; 0 where none does."""
    leads = (i for i, card in enumerate(CARDS, start=1) if name in dict(card.pages))
    return next(leads, 0)
