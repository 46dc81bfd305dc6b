"""The finished example that a page shows at first paint: plain HTML, no script."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

from constructions import PrecisionWarning
from constructions.witness import Witness
from proofs.exact import nearest_float
from proofs.formula import names
from proofs.layer import MLP, Head, Holds, Norm
from proofs.letters import entries
from proofs.prompt import X_ALONE, Prompt
from proofs.slotmap import SlotMap
from proofs.stream import Layout, Slot, split_entry
from proofs.vocabulary import DIAGONALS, unread

from ..checks.case import objects
from ..checks.symbolic import shapes_of
from .lesson import Lesson
from .mathml import coefficient_mathml, equation, mathml, numbers_mathml, plain
from .readable import counted, pattern_words, ranges

Stream: TypeAlias = Mapping[str, np.ndarray]
Predictions: TypeAlias = Callable[[np.ndarray, np.ndarray, np.ndarray], Any]  # of X, y, queries
ROLES = (("query", "q"), ("key", "k"), ("value", "v"))
DIVIDED = {"keys": "divided by the number of keys", "examples": "divided by n"}
TONES = 32  # steps of the colours of cells, as in scripts/dom.js
LONG = 12  # layers, beyond which the example shows the first and the last, and what they change;
# and tokens, beyond which a table has columns for the first and the last
FIRST, LAST = 6, 4  # of what is long
ALGORITHM = "The algorithm, without a transformer"
NAMES = "What else the formulas beside the slots name"
GAP = "…"  # stands for the tokens that a table leaves out


def number(value: Any) -> str:
    """A number as the page writes it: four significant digits, a real minus sign."""
    x = as_float(value)
    if x == 0:
        return "0"
    if math.isinf(x):
        return "∞" if x > 0 else "−∞"
    small = abs(x) < 1e-3 or abs(x) >= 1e4
    digits = Context(prec=2 if small else 3, rounding=ROUND_HALF_UP)  # as the script rounds
    rounded = digits.create_decimal(Decimal(x))
    text = f"{rounded:.1e}" if small else f"{rounded:f}"
    if "." in text and not small:
        text = text.rstrip("0").rstrip(".")
    return text.replace("e-0", "e-").replace("e+", "e").replace("-", "−")


def as_float(value: Any) -> float:
    """The nearest float; infinite where a fraction is beyond them."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def largest(values: Iterable[Any]) -> float:
    """The largest finite size; 0 where nothing is."""
    sizes = (abs(as_float(value)) for value in values)
    return max((size for size in sizes if math.isfinite(size)), default=0.0)


def tone(value: float, scale: float) -> str:
    """Class of a cell's colour, as in scripts/dom.js: deeper with the size, in TONES steps."""
    share = 0.0 if scale == 0 else min(1.0, abs(value) / scale) ** 0.5
    step = math.floor(TONES * share + 0.5)
    return f"tone{-step if value < 0 else step}"


def tones() -> str:
    """The style sheet's rules for these classes."""
    grounds = (
        f"td.tone{sign}{step}{{background-color:color-mix(in srgb,var(--{end}) "
        f"{100 * step / TONES:g}%,var(--zero))}}"
        for sign, end in (("", "positive"), ("-", "negative"))
        for step in range(1, TONES + 1)
    )
    return "".join(
        (
            "td.tone0{background-color:var(--zero)}td.tone-none{background-color:var(--no-number)}",
            *grounds,
        )
    )


def token_labels(witness: Witness, n: int, m: int) -> list[str]:
    """What every token is, as HTML."""
    tokens = witness.prompt.tokens(n, m)
    made = []
    for t in range(tokens.total):
        if t in tokens.queries:
            which = tokens.queries.index(t) + 1
            made.append("query" if m == 1 else f"query {which}")
        elif t in tokens.x and t in tokens.y:
            j = tokens.x.index(t) + 1
            made.append(f"example {j}")
        elif t in tokens.x:
            made.append(mathml(f"x{tokens.x.index(t) + 1}"))
        elif t in tokens.y:
            made.append(mathml(f"y{tokens.y.index(t) + 1}"))
        else:
            made.append("register")
    return made


def given(witness: Witness, lesson: Lesson, algorithm: str | None = None) -> str:
    """The example's prompt and the algorithm as HTML.

    Without one that is given, it is what the witness defines, to say what its slots hold.
    """
    prompt = prompt_table(witness.prompt, *exact_prompt(witness, lesson), letters=lesson.letters)
    if algorithm is None:
        return prompt + formulas(ALGORITHM, witness.definitions, witness.parameters)
    named = [
        (name, text) for name, text in witness.definitions if equation(name, text) not in algorithm
    ]
    return prompt + algorithm + formulas(NAMES, named, witness.parameters)


def exact_prompt(witness: Witness, lesson: Lesson) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X, y and queries of the example, as fractions."""
    X, y, queries = (objects(part, Fraction) for part in (lesson.X, lesson.y, lesson.queries))
    return X, y, queries.reshape(len(lesson.queries), witness.prompt.query_inputs)


def story(witness: Witness, lesson: Lesson, algorithm: Predictions | None = None) -> str:
    """The example as HTML: the stream after every layer, the answer.

    The answer is set beside the algorithm's own, where that is given, else beside least squares.
    """
    prompt, numbers = exact_prompt(witness, lesson), arithmetic(witness)
    with warnings.catch_warnings():  # three digits are shown
        warnings.simplefilter("ignore", PrecisionWarning)
        trace = witness.trace(*prompt, numbers=numbers)
        prediction = witness.predict(*prompt, numbers=numbers)
    labels = token_labels(witness, len(lesson.y), len(lesson.queries))
    scales = {
        slot.name: largest(v for slots in trace for v in slots[slot.name].ravel())
        for slot in witness.layout.slots
    }
    told = Story(witness, lesson, labels, scales)
    layers = range(len(trace))
    long = witness.layers > LONG
    shown = [*layers[: FIRST + 1], *layers[-LAST:]] if long else layers
    figures = [told.figure(k, trace[k], trace[max(0, k - 1)]) for k in shown]
    if long:
        figures.insert(FIRST + 1, left_out(FIRST + 1, witness.layers - LAST))
    said = algorithm(*prompt) if algorithm is not None else None
    last = ""
    if said is not None:
        at = witness.prompt.tokens(len(lesson.y), len(lesson.queries))
        names = [labels[t] for t in at.read_out(witness.readout.tokens)]
        last = beside_algorithm(names, prediction, said)
    elif lesson.predicts and predicts_y(witness):
        last = answer(*prompt, prediction)
    return "\n".join([*figures, last])


def left_out(first: int, last: int) -> str:
    """What stands for layers that a long example does not show."""
    return (
        f'<section class="panel step"><h3>Layers {first} to {last}</h3><p>They go on in the same '
        "way, and the numbers of each are where it is played with.</p>"
        f'<p class="play-link"><a href="#layer={first}">Play with these layers</a></p></section>'
    )


def arithmetic(witness: Witness) -> str:
    """Fractions where the witness can run in them and they stay short, else floats."""
    if witness.irrational or witness.layers > LONG:
        return "float64"
    zeros = (np.zeros(shape, int) for shape in shapes_of(witness.prompt, witness.examples or 1, 1))
    try:
        X, y, queries = zeros
        witness.predict(X, y, queries, numbers="rational")
    except (ValueError, TypeError, ZeroDivisionError):
        return "float64"
    return "rational"


def is_regression(prompt: Prompt) -> bool:
    """Whether it has examples (x, y) of a function, and x to predict at."""
    return prompt.fields == X_ALONE and prompt.targets == 1


def predicts_y(witness: Witness) -> bool:
    """Whether it predicts a number at every query of a regression."""
    alone = witness.readout.tokens == "query" and witness.prediction_size == 1
    return alone and is_regression(witness.prompt)


def prompt_table(
    prompt: Prompt, X: np.ndarray, y: np.ndarray, queries: np.ndarray, letters: bool = False
) -> str:
    """The numbers of a prompt, those of a query under the same parts of an example.

    `letters`: beside each the letter of the one-hot word that it is.
    """
    fields = prompt.fields.at(prompt.d)
    inputs, asked = numbers_of(fields.parts), numbers_of(fields.of_query)
    targets = numbers_of(Layout((Slot("y", (prompt.target_count,)),)))
    head = "".join(f'<th scope="col">{plain(name)}</th>' for name in (*inputs, *targets))
    rows = []
    for j, (x, target) in enumerate(zip(X, y), start=1):
        cells = "".join(f"<td>{number(v)}</td>" for v in (*x, *np.atleast_1d(target)))
        said = f": {letter(x)}" if letters else ""
        rows.append(f'<tr><th scope="row">example {j}{said}</th>{cells}</tr>')
    for x in queries:
        given = dict(zip(asked, x))
        cells = "".join(
            f"<td>{number(given[name]) if name in given else ''}</td>" for name in inputs
        )
        cells += "<td>?</td>" * len(targets)
        said = f": {letter(x)}" if letters else ""
        rows.append(f'<tr class="query"><th scope="row">query{said}</th>{cells}</tr>')
    return (
        '<section class="panel"><h3>The prompt</h3><div class="scroll"><table class="numbers">'
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
        "</table></div></section>"
    )


def letter(word: np.ndarray) -> str:
    """What a one-hot word is called: a, b, …, z, w27, …"""
    i = int(np.argmax(word))
    return chr(ord("a") + i) if i < 26 else f"w{i + 1}"


def numbers_of(parts: Layout) -> list[str]:
    """What the numbers of these parts are called: x, or x[1], x[2], …"""
    return [
        counted(part.name) + ("" if part.size == 1 else f"[{i + 1}]")
        for part in parts.slots
        for i in range(part.size)
    ]


def formulas(
    title: str,
    definitions: Iterable[tuple[str, str]],
    parameters: Mapping[str, Any],
    prediction: str = "",
) -> str:
    """A panel of definitions, name and formula, and of what is predicted by them; before them
    stand the numbers that they read of the parameters. "" where there are none."""
    lines = [equation(name, text) for name, text in definitions]
    read = {name for _, text in definitions for name in names(text)} | names(prediction or "0")
    lines += [f"prediction: {mathml(prediction)}"] if prediction else []
    if not lines:
        return ""
    letters = [
        f"{mathml(name)} = {numbers_mathml(value)}"
        for name, value in {**parameters, **entries(parameters)}.items()
        if name in read and not isinstance(value, (str, bool)) and value is not None
    ]
    items = "".join(f"<li>{line}</li>" for line in (*letters, *lines))
    return f'<section class="panel"><h3>{title}</h3><ul class="definitions">{items}</ul></section>'


@dataclass(frozen=True)
class Story:
    """One run: whose it is, what its tokens are, the largest number in every slot."""

    witness: Witness
    lesson: Lesson
    labels: Sequence[str]
    scales: Mapping[str, float]

    def figure(self, k: int, slots: Stream, before: Stream) -> str:
        """One layer: what it does in words, who looks at whom, the stream after it."""
        layer = self.witness.layer_list[k - 1] if k else None
        name = layer.name if layer else "embedding"
        called = self.lesson.titled(name)
        title = f"Layer {k}{called and f': {called}'}" if layer else "The prompt enters the stream"
        heads, shown, tokens = "", self.witness.layout, [*range(len(self.labels))]
        if self.witness.layers > LONG:
            # a long chain shows what each layer changes; the rest is one click away
            nothing = {name: 0 * values for name, values in slots.items()}
            shown, tokens = changes(shown, slots, before if k else nothing)
        elif layer is not None:
            read = normed(layer.attention_norm, self.witness.layout, before)
            tables = "".join(self.score_table(head, read) for head in layer.heads)
            tables += "" if layer.mlp is None else mlp_maps(layer.mlp)
            heads = f'<div class="scores">{tables}</div>' if tables else ""
        table = self.stream_table(slots, before, (shown, tokens), layer.holds if layer else ())
        every = f" and all {len(self.labels)} tokens" if len(self.labels) > LONG else ""
        return (
            f'<section class="panel step" id="read-{k}"><h3>{title}</h3>'
            f"<p>{self.lesson.layer_text(name)}</p>{heads}{table}"
            f'<p class="play-link"><a href="#layer={k}">Play with this layer{every}</a></p>'
            "</section>"
        )

    def stream_table(
        self,
        slots: Stream,
        before: Stream,
        shown: tuple[Layout, Sequence[int]],
        holds: Sequence[Holds],
    ) -> str:
        """Tokens across, slots down; changed cells are marked, held formulas stand at the slot.

        `shown`: the slots and the tokens that have a place in it.
        """
        labels = self.labels
        layout, tokens = shown[0], ends(shown[1])
        head = "".join(f'<th scope="col">{GAP if t is None else labels[t]}' for t in tokens)
        gap = f'<td class="gap" rowspan="{layout.width}">{GAP}'
        rows: list[str] = []
        for slot in layout.slots:
            values = slots[slot.name].reshape(len(labels), -1)
            old = before[slot.name].reshape(len(labels), -1)
            held = held_in([h for h in holds if split_entry(h.slot)[0] == slot.name], labels)
            shape = "×".join(map(str, slot.shape)) or "1"
            scale = self.scales[slot.name]
            most = f'<small class="most">±{number(scale)}</small>' if scale else ""
            name = (
                f'<th scope="rowgroup" rowspan="{max(1, slot.size)}"><b>{plain(slot.name)}</b> '
                f"<small>{shape}</small>{most}{held}</th>"
            )
            for i in range(slot.size):
                cells = []
                for t in tokens:
                    if t is None:
                        cells.append("" if rows else gap)
                        continue
                    kinds = [tone(as_float(values[t, i]), scale)]
                    if values[t, i] == 0:
                        kinds.append("nought")
                    if values[t, i] != old[t, i]:
                        kinds.append("changed")
                    cells.append(f'<td class="{" ".join(kinds)}">{number(values[t, i])}')
                rows.append(f"<tr>{name if i == 0 else ''}{''.join(cells)}")
        return (
            '<div class="scroll"><table class="stream"><thead><tr><td></td>'
            f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        )

    def seen(self, head: Head, context: int) -> list[list[bool]]:
        """Whether each token sees each of the `context` keys."""
        count, diagonal = len(self.labels), DIAGONALS.get(head.keys, len(self.labels))
        seen = [[j <= t + diagonal for j in range(context)] for t in range(count)]
        if head.mask is None:
            return seen
        n = len(self.lesson.y)
        table = head.mask.table(("t", "j"), range(count), range(context), n, count)
        return [[a and b != 0 for a, b in zip(*rows)] for rows in zip(seen, table)]

    def score_table(self, head: Head, before: Stream) -> str:
        """Scores of a head: readers down, those read across."""
        labels, layout = self.labels, self.witness.layout
        query, key = (features(side, layout, before) for side in (head.query, head.key))
        scores = query @ key.T
        scale = largest(scores.ravel())
        context = len(labels)
        if head.keys == "context":
            context = next(
                (t for t, label in enumerate(labels) if label.startswith("query")), context
            )
        seen = self.seen(head, context)
        read, readers = ends(range(context)), ends(range(len(labels)))
        across = "".join(f'<th scope="col">{GAP if j is None else labels[j]}</th>' for j in read)
        rows = []
        for t in readers:
            cells = "".join(
                f'<td class="gap">{GAP}'
                if t is None or j is None
                else f'<td class="{tone(scores[t, j], scale)}">{number(scores[t, j])}'
                if seen[t][j]
                else "<td>"
                for j in read
            )
            rows.append(f'<tr><th scope="row">{GAP if t is None else labels[t]}</th>{cells}</tr>')
        maps = "".join(
            f'<li class="{role}"><span class="role {role}">{role}</span> '
            f"{blocks(getattr(head, role))}</li>"
            for role, _ in ROLES
        )
        words = [] if head.attention == "linear" else [head.attention]
        words += [DIVIDED[head.average]] if head.average else []
        for what, rule in (("mask", head.mask), ("values mixed by", head.mix)):
            words += [] if rule is None else [f"{what} {rule}"]
        kind = f" <small>{plain('; '.join(words))}</small>" if words else ""
        name = plain(counted(head.name or "head"))
        return (
            f'<figure class="head"><figcaption>{name}{kind}</figcaption>'
            f'<div class="scroll"><table class="stream small"><thead><tr><td class="corner">'
            '<span class="query">reads ↓</span> <span class="key">read →</span></td>'
            f"{across}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
            f'<ul class="maps">{maps}</ul></figure>'
        )


def ends(tokens: Sequence[int]) -> list[int | None]:
    """The tokens that a table has columns for: of many the first and the last, None between."""
    if len(tokens) <= LONG:
        return [*tokens]
    return [*tokens[:FIRST], None, *tokens[-LAST:]]


def changes(layout: Layout, slots: Stream, before: Stream) -> tuple[Layout, list[int]]:
    """The slots that a layer changed somewhere, and the tokens."""
    moved = {
        slot.name: (slots[slot.name] != before[slot.name]).reshape(len(slots[slot.name]), -1)
        for slot in layout.slots
    }
    at_token = np.any([some.any(axis=1) for some in moved.values()], axis=0)
    changed = Layout(tuple(slot for slot in layout.slots if moved[slot.name].any()))
    return changed, np.flatnonzero(at_token).tolist()


def normed(norm: Norm | None, layout: Layout, stream: Stream) -> Stream:
    """What is read through a norm, in floats."""
    if norm is None:
        return stream
    tokens = len(next(iter(stream.values())))
    whole = np.concatenate([stream[s.name].reshape(tokens, -1) for s in layout.slots], axis=1)
    whole = np.vectorize(as_float, otypes=[float])(whole)
    if norm.kind == "layer":
        whole = whole - whole.mean(axis=1, keepdims=True)
    elif norm.kind != "rms":
        unread(norm.kind, "norm", "the story of a page")
    size = np.sqrt((whole**2).mean(axis=1, keepdims=True) + nearest_float(norm.epsilon))
    gain, bias = (
        np.array(
            [nearest_float(norm.entries(what, layout).get((0, i), 0)) for i in range(layout.width)]
        )
        for what in ("gain", "bias")
    )
    made = whole / size * gain + bias
    rows = {slot.name: layout.rows(slot.name) for slot in layout.slots}
    return {name: made[:, at.start : at.stop] for name, at in rows.items()}


def mlp_maps(mlp: MLP) -> str:
    """What an MLP reads, by which gate, and what it writes, in symbols; and that it comes last."""
    kind = "linear" if mlp.inner is None and mlp.activation == "identity" else mlp.activation
    roles = (
        ("inner", mlp.inner, "key"),
        ("gate", mlp.gate, "query"),
        ("written", mlp.outer, "written"),
    )
    maps = "".join(
        f'<li class="{role}"><span class="role {role}">{name}</span> {blocks(slots)}</li>'
        for name, slots, role in roles
        if slots is not None
    )
    said = plain(f"{kind}; of every token, after the heads")
    return (
        f'<figure class="head"><figcaption>MLP <small>{said}</small></figcaption>'
        f'<ul class="maps">{maps}</ul></figure>'
    )


def blocks(slots: SlotMap) -> str:
    """A slot map in symbols: destination ← coefficient · source."""
    made = []
    for block in slots:
        c = "" if block.coefficient == 1 else coefficient_mathml(block.coefficient) + " · "
        words = pattern_words(block.pattern)
        shape = f" <small>{plain(words)}</small>" if words else ""
        to, source = plain(counted(block.destination)), plain(counted(block.source))
        made.append(f"{to} ← {c}{source}{shape}")
    return ", ".join(made) or "nothing"


def features(slots: SlotMap, layout: Layout, stream: Stream) -> np.ndarray:
    """What a query or key map makes of every token, (tokens, size), in floats."""
    names = slots.features(layout, {})
    tokens = len(next(iter(stream.values())))
    whole = np.concatenate([stream[s.name].reshape(tokens, -1) for s in layout.slots], axis=1)
    made = np.zeros((tokens, names.width))
    for (row, column), weight in slots.entries(names, layout).items():
        made[:, row] += nearest_float(weight) * np.array([as_float(v) for v in whole[:, column]])
    return made


def answer(X: np.ndarray, y: np.ndarray, queries: np.ndarray, prediction: np.ndarray) -> str:
    """The transformer's prediction beside least squares."""
    w = np.linalg.lstsq(X.astype(float), y.astype(float), rcond=None)[0]
    rows = "".join(
        f"<li>At the query the transformer predicts <b>{number(p)}</b>{exact_text(p)}; "
        f"least squares predicts <b>{number(float(x.astype(float) @ w))}</b>.</li>"
        for x, p in zip(queries, prediction)
    )
    return f'<section class="panel answer"><h3>The answer</h3><ul>{rows}</ul></section>'


def beside_algorithm(
    tokens: Sequence[str], prediction: Sequence[Any], algorithm: Sequence[Any]
) -> str:
    """The transformer's predictions at these tokens, as HTML, beside the algorithm's."""
    rows = "".join(
        f"<li>At {'the ' if token.startswith('query') else ''}{token} the transformer predicts "
        f"{numbers(p)}; the algorithm predicts {numbers(a)}.</li>"
        for token, p, a in zip(tokens, prediction, algorithm)
    )
    return f'<section class="panel answer"><h3>The answer</h3><ul>{rows}</ul></section>'


def numbers(predicted: Any) -> str:
    """What is predicted at a token, as HTML: a number, or several."""
    return ", ".join(f"<b>{number(one)}</b>{exact_text(one)}" for one in np.atleast_1d(predicted))


def exact_text(value: Any) -> str:
    """A fraction in full while a reader can take it in; nothing about a float."""
    if not isinstance(value, Fraction):
        return ""
    text = str(value).replace("-", "−")
    return f" (exactly {text})" if len(text) <= 24 else f" (a fraction of {len(text) - 1} digits)"


def held_in(holds: Sequence[Holds], labels: Sequence[str]) -> str:
    """What a slot should hold, each formula once with the tokens that hold it."""
    places: dict[str, list[str]] = {}
    for held in holds:
        entry = split_entry(held.slot)[1]
        which = "" if entry is None else f"<small>[{entry + 1}]</small> "
        said = which + mathml(held.expression)
        places.setdefault(said, []).append(at_tokens(held.tokens, labels))
    return " ".join(
        f'<span class="holds">{formula}'
        + (f" <small>at {ranges(where)}</small>" if all(where) else "")
        + "</span>"
        for formula, where in places.items()
    )


def at_tokens(tokens: str | int, labels: Sequence[str]) -> str:
    """The tokens of an annotation in words; nothing where it is all of them."""
    if isinstance(tokens, int):
        return labels[tokens]
    return {"all": "", "context": "the examples", "query": "the queries"}[tokens]
