"""proof: for every prompt, that the transformers which the claim builds predict its formula.

The claim's builder is called with letters for its parameters, and what it returns is run through
the calculus layer by layer (proofs.prove_witness): every block takes part, so a transformer changed
anywhere is not proved. It speaks of the claim only as far as three things are seen:

- the algorithm is given as a formula. Of code nothing can be derived: that it equals the formula
  is then a second sentence, true on the prompts that were tried;
- what is proved is what is run: each drawn case's transformer is the proved one, letters replaced
  by the case's numbers;
- the builder is one function of d: its blocks are the same at every d up to REACH, of a quick
  check up to NEAR. Beyond that nothing was built, and nothing is said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from fractions import Fraction
from functools import cache, partial
from typing import Any

from proofs.letters import (
    EXAMPLES,
    Count,
    Each,
    Matrix,
    Open,
    Vector,
    arrays,
    entries,
    is_vector,
)

from ..claim import Budget, CheckResult, Claim, Object
from ..formulas import Formula
from ..report import latex_text
from ..report.tables import told
from .case import build, reference, witness_of

STEPS = 2  # at which a transformer of any number of steps is written down
REACH = 24  # dimensions at which the builder is seen to be one function of d
NEAR = 8  # the same in a quick check

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Proved:
    """One choice of the claim's parameters, letters among them, that was proved."""

    given: Parameters
    witness: Any
    examples: int | None

    @property
    def sizes(self) -> dict[str, int]:
        """Numbers of steps, layers or examples."""
        return counts(self.given)


def run(claim: Claim, budget: Budget) -> CheckResult:
    """Proves every set of `claim.assembled`, and the smaller sizes among the drawn cases."""
    assert claim.witness is not None and claim.assembled is not None
    if claim.formula is None:
        return CheckResult(
            None,
            detail="the algorithm is code: given as a formula (verify.formula) it could be proved "
            "for every prompt",
        )
    reach = NEAR if budget.quick else REACH
    sets = [dict(one) for one in claim.assembled()]
    proved: dict[str, Proved] = {}
    for given in sets:
        fault = _prove(claim, given, proved, reach)
        if fault is not None:
            return CheckResult(False, len(proved), detail=fault, about=object_of(claim))
    drawn = cases(claim, budget)
    uncovered: dict[str, int] = {}
    for case in drawn:
        missing = _covered(claim, {"n": len(case.X), **case.parameters}, sets, proved, reach)
        if missing is not None:
            uncovered[missing] = uncovered.get(missing, 0) + 1
    said = _reach(proved, reach)
    if uncovered:
        why, count = max(uncovered.items(), key=lambda item: item[1])
        return CheckResult(
            None,
            len(proved),
            detail=f"{said}; but of {len(drawn)} cases drawn {sum(uncovered.values())} are not of "
            f"these, such as {why}",
            about=object_of(claim),
        )
    said += f"; each of {len(drawn)} cases drawn is of these"
    if claim.formula is not claim.algorithm:
        same = _same_as_code(claim, drawn)
        if same is not None:
            return CheckResult(None, len(proved), detail=f"{said}; but {same}")
        said += f"; the code of the algorithm equals the formula on {len(drawn)} prompts tried"
    return CheckResult(True, len(proved), detail=said, about=object_of(claim))


def cases(claim: Claim, budget: Budget) -> list[Any]:
    """Cases of the claim's domain, as the exact check draws them."""
    from ..hunt import drawn

    assert claim.cases is not None
    return drawn(claim.cases, budget, claim.domain)


def object_of(claim: Claim) -> Object | None:
    """The transformers in letters and the formula, which the evidence is about."""
    if claim.witness is None or claim.assembled is None or claim.formula is None:
        return None
    digests, texts = zip(*(in_letters(claim, given) for given in claim.assembled()))
    return Object(_hash(digests), _hash(texts))


def in_letters(claim: Claim, given: Parameters) -> tuple[str, str]:
    """The digest of the transformer that is proved for one set of parameters, and its formula."""
    assert claim.witness is not None and claim.formula is not None
    values = opened(given, given["d"])
    witness = build(claim.witness, values)
    return witness.digest, claim.formula.text({**witness.parameters, **values})


def _hash(parts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


# -- one set of parameters ----------------------------------------------------------------------


def opened(given: Parameters, d: int, n: int = EXAMPLES) -> dict[str, Any]:
    """The set at dimension d: vectors and matrices of letters written out, `expand` left out.

    Matrices of examples are written for n of them; an open number of steps is one of them.
    """
    sizes = {"d": d, "n": n}
    made = {
        k: v.at(sizes[getattr(v, "size", "d")]) if isinstance(v, (Vector, Matrix)) else v
        for k, v in given.items()
    }
    made |= dict.fromkeys(counted(given), STEPS)
    made |= own_of_steps(given, made, d)
    for of_the_proof in ("expand", "n"):
        made.pop(of_the_proof, None)
    return {**made, "d": d} if "d" in made else made


def own_of_steps(given: Parameters, values: Parameters, d: int) -> dict[str, Any]:
    """The letters of what each step has its own of, for as many steps as the values say."""
    return {k: v.at(values[v.steps], d) for k, v in given.items() if isinstance(v, Each)}


def open_arrays(given: Parameters) -> dict[str, Vector | Matrix]:
    """The open vectors and matrices of the set, those of the first steps among them."""
    from proofs.prove_steps import needed

    own = [v.steps for v in given.values() if isinstance(v, Each)]
    fixed = [given[steps] for steps in own if isinstance(given[steps], int)]
    return arrays(given, max(fixed, default=needed(1) if own else 0))


def counted(given: Parameters) -> list[str]:
    """The open numbers of steps. Raises ValueError for more than one."""
    names = [name for name, value in given.items() if isinstance(value, Count)]
    if len(names) > 1:
        raise ValueError(f"{' and '.join(names)} are both open numbers of steps; one can be")
    return names


def counts(given: Parameters) -> dict[str, int]:
    """Sizes other than d: numbers of steps, layers, examples, and n where tokens are told apart."""
    return {
        name: value
        for name, value in given.items()
        if isinstance(value, int) and not isinstance(value, bool) and value > 0
        if name not in ("d", "expand")
    }


def _key(given: Parameters) -> str:
    from sympy import srepr  # which tells letters of one name apart by what is assumed of them

    return repr(sorted(
        (name, srepr(value) if hasattr(value, "free_symbols") else repr(value))
        for name, value in given.items()
    ))  # fmt: skip


def shared_letters(given: Parameters) -> str | None:
    """Which parameters of a set have a letter in common: they would be proved where they are equal.

    None if there are none.
    """
    owners: dict[str, str] = {}
    for name, value in opened(given, REACH, REACH).items():
        for letter in sorted(_letters_in(value)):
            if owners.setdefault(letter, name) != name:
                return f"the letter {letter} stands for a part of {owners[letter]} and of {name}"
    return None


def _letters_in(value: Any) -> set[str]:
    if isinstance(value, tuple):
        return set().union(*map(_letters_in, value))
    return {letter.name for letter in getattr(value, "free_symbols", ())}


def assumed(letter: Any) -> list[str]:
    """What is assumed of a letter when it is made: ["positive"]; of any number nothing is."""
    return [name if true else f"not {name}" for name, true in letter._assumptions_orig.items()
            if name != "commutative"]  # fmt: skip


def _may_be(letter: Any, value: Any) -> bool:
    """Whether a number is as the letter is assumed to be."""
    import sympy

    number = sympy.sympify(value)
    made = letter._assumptions_orig.items() if letter.is_Symbol else ()
    return all(getattr(number, f"is_{name}") is true for name, true in made)


def prove(claim: Claim, given: Parameters) -> Any:
    """The proof (proofs.theorem.Proof) that the claim's transformer predicts its formula.

    The builder is called anew, so that it is today's transformer that is proved.
    """
    from proofs.prove_witness import prove_witness

    assert claim.witness is not None and claim.formula is not None
    if counted(given):
        return _prove_steps(claim, given)
    values = opened(given, given["d"])
    witness = witness_of(claim.witness, values)
    statement = claim.formula.at({**witness.parameters, **values})
    return prove_witness(
        of_any_length(witness, given),
        examples=given.get("n"),
        expand=bool(given.get("expand")),
        statement=statement,
        parameters=values,
        arrays=open_arrays(given),
    )


def _prove_steps(claim: Claim, given: Parameters) -> Any:
    """The proof for every number of steps."""
    from proofs.prove_steps import prove_steps

    if given.get("expand"):
        raise ValueError("expand puts every definition in: no proof for every number of steps")
    assert claim.formula is not None
    formula, (name,) = claim.formula, counted(given)

    def values(k: int, witness: Any) -> dict[str, Any]:
        return {**witness.parameters, **_of_steps(given, given["d"], k)}

    return prove_steps(
        _of_every_size(claim, given, given["d"]),
        lambda k, witness: formula.at(values(k, witness)),
        values,
        name,
        open_arrays(given),
        given.get("n"),
        per_step(given),
    )


def per_step(given: Parameters) -> dict[str, Each]:
    """The parameters of which each step has its own. Raises ValueError where they are counted by
    another than the open number of steps."""
    made = {name: value for name, value in given.items() if isinstance(value, Each)}
    for name, value in made.items():
        if value.steps not in counted(given):
            raise ValueError(
                f"{name} is a number for each of {value.steps}, which is no open number"
            )
    return made


def _of_steps(given: Parameters, d: int, k: int) -> dict[str, Any]:
    """The set at dimension d and k steps."""
    (name,) = counted(given)
    made = {**opened(given, d), name: k}
    return made | own_of_steps(given, made, d)


def _of_every_size(claim: Claim, given: Parameters, d: int) -> tuple[int, list[Any]]:
    """The transformers of the least number of steps that there is (0 or 1) and more."""
    from proofs.prove_steps import SEEN

    assert claim.witness is not None
    least = 0
    try:
        first = claim.witness(**_of_steps(given, d, 0))
    except ValueError:  # a builder that takes no step less than one
        least, first = 1, claim.witness(**_of_steps(given, d, 1))
    more = range(least + 1, least + SEEN + 1)
    every = [first, *(claim.witness(**_of_steps(given, d, k)) for k in more)]
    return least, [of_any_length(one, given) for one in every]


def _prove(claim: Claim, given: Parameters, proved: dict[str, Proved], reach: int) -> str | None:
    """Why the set is not proved; None if it is, and then it is added to `proved`."""
    assert claim.witness is not None
    if _key(given) in proved:
        return None
    if (shared := shared_letters(given)) is not None:
        return f"{described(given)}: {shared}"
    witness = build(claim.witness, opened(given, given["d"]))
    differs = getattr(claim.formula, "differs_from", lambda witness: None)(witness)
    if differs is not None:
        return differs
    proof = prove(claim, given)
    if not proof.proved:
        return f"{proof.id} with {described(given)}: {latex_text.text(proof.failed or '')}"
    fault = not_uniform(claim, given, reach)
    if fault is None:
        fixed = given.get("n", of_any_length(witness, given).examples)
        proved[_key(given)] = Proved(given, witness, fixed)
    return fault


def not_uniform(claim: Claim, given: Parameters, reach: int = REACH) -> str | None:
    """At which d up to `reach` the builder makes other blocks than where it is proved."""
    assert claim.witness is not None
    d = given["d"]
    witness = of_any_length(build(claim.witness, opened(given, d)), given)
    sums = explicit_sums(witness, given)
    as_proved = None if sums else shape_free(witness)
    lengths = range(1, reach + 1) if mixes(given) else ()
    for other, n in (*((e, EXAMPLES) for e in range(1, reach + 1)), *((d, n) for n in lengths)):
        where = f"d = {other}" if other != d else f"n = {n}"
        try:
            wider = build(claim.witness, opened(given, other, n))
        except ValueError as error:
            return f"{witness.name} with {described(given)} cannot be built at {where}: {error}"
        wider = of_any_length(wider, given, n)
        blocks = as_proved or shape_free(witness, {r: at(other, n) for r, at in sums.items()})
        if shape_free(wider) != blocks or not same_shapes(witness, wider):
            return (
                f"the blocks of {witness.name} with {described(given)} are others at {where} "
                f"than at d = {d}, where they are proved"
            )
        seen = n != EXAMPLES  # at this d, which is that of the proof
        if counted(given) and not seen and (fault := _not_tied(claim, given, other)) is not None:
            return f"{witness.name} with {described(given)}: {fault}"
    return None


def mixes(given: Parameters) -> bool:
    """Whether some of the open matrices are n × n."""
    return any(isinstance(value, Matrix) and value.size == "n" for value in given.values())


def of_any_length(witness: Any, given: Parameters, n: int = EXAMPLES) -> Any:
    """The transformer, its number of examples open where it has n × n matrices of letters."""
    fixed = mixes(given) and witness.examples == n
    return replace(witness, examples=None) if fixed else witness


def _not_tied(claim: Claim, given: Parameters, d: int) -> str | None:
    """Why the layers at dimension d are not one step repeated; None if they are."""
    from proofs.prove_steps import NotOneStepError, splits

    try:
        least, witnesses = _of_every_size(claim, given, d)
        splits(witnesses, least, per_step(given))
    except NotOneStepError as error:
        return f"at d = {d} {error}"
    return None


def explicit_sums(witness: Any, given: Parameters) -> dict[Any, Any]:
    """What the explicit matrices are at other sizes (d, n), where they are sums of the set's
    letters."""
    from proofs.calculus.arrays import Arrays, column

    letters = Arrays(open_arrays(given), witness.d)

    @cache
    def rows(d: int, n: int) -> dict[str, Any]:
        there = opened(given, d, n)
        there |= entries(there)
        named = there.keys() & (letters.rows.keys() | letters.mixes.rows.keys())
        return {k: column(there[k]) if is_vector(there[k]) else there[k] for k in named}

    def at(of_mix: bool, one: Any, d: int, n: int) -> Any:
        return one.at(rows(d, n), n if of_mix else d)

    made = {}
    for of_mix, matrix in explicit(witness):
        one = (letters.mixes if of_mix else letters).sum(matrix)
        if one is not None:
            made[matrix] = partial(at, of_mix, one)
    return made


def explicit(witness: Any) -> Iterator[tuple[bool, Any]]:
    """The explicit matrices of the weights, and (True, …) those of rules."""
    for slots in witness.slot_maps():
        for block in slots:
            if block.matrix is not None:
                yield False, block.matrix
    for layer in witness.layer_list:
        for head in layer.heads:
            for rule in (head.mask, head.mix):
                if rule is not None and rule.matrix is not None:
                    yield True, rule.matrix


def shape_free(witness: Any, matrices: Mapping[Any, Any] | None = None) -> Any:
    """The witness as data without the sizes of its slots and without annotations: equal for every
    d.

    `matrices` gives others in place of its explicit ones.
    """
    from proofs.calculus.arrays import multiplied_out
    from proofs.layer import MLP, Layer
    from proofs.prompt import Prompt
    from proofs.stream import Slot

    without = {Prompt: "d", Layer: "holds", Slot: "shape"}

    @cache
    def sums(rows: Any) -> Any:
        instead = (matrices or {}).get(rows, rows)
        return tuple(tuple(map(multiplied_out, row)) for row in instead)

    def data(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(data, value))
        kind: Any = type(value)
        if (names := _fields(kind)) is None:
            return value
        left_out, made = without.get(kind), [kind]
        for name in names:
            own = getattr(value, name)
            if name == "matrix" and own is not None:
                made.append(sums(own))
            elif name == "letters" and isinstance(value, MLP):  # with their sizes
                made.append(sorted(letter for letter, _ in own))
            elif name != left_out:
                made.append(data(own))
        return made

    parts = (witness.layout, witness.prompt, witness.layer_list, witness.readout)
    return witness.name, witness.examples, data(parts)


@cache
def _fields(kind: type) -> tuple[str, ...] | None:
    """The names of a dataclass's fields; None of what is none."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else None


def same_shapes(one: Any, other: Any) -> bool:
    """Whether the slots of two witnesses have the same axes: both d, or the same number."""

    def alike(a: int, b: int) -> bool:
        return a == b or (a == one.d and b == other.d)

    pairs = zip(one.layout.slots, other.layout.slots)
    return len(one.layout.slots) == len(other.layout.slots) and all(
        len(a.shape) == len(b.shape) and all(map(alike, a.shape, b.shape)) for a, b in pairs
    )


# -- what is proved is what is run --------------------------------------------------------------


def _covered(
    claim: Claim,
    p: Parameters,
    sets: Sequence[Parameters],
    proved: dict[str, Proved],
    reach: int,
) -> str | None:
    """What of a case's parameters no proved set covers; None if one does."""
    for given in sets:
        wanted = _like(given, p)
        if wanted is None:
            continue
        if _prove(claim, wanted, proved, reach) is None and _is_instance(claim, wanted, p):
            return None
    return told({k: v for k, v in p.items() if v is not None and k != "n"})


def _like(given: Parameters, p: Parameters) -> dict[str, Any] | None:
    """The set with the case's sizes, if the case may be one of its instances."""
    import sympy

    sizes = counts(given)
    made = dict(given)
    for name in given:
        if name in ("d", "expand"):
            continue
        mine, theirs = given.get(name), p.get(name)
        if isinstance(mine, Open):
            if mine.why_not(theirs, p):
                return None
        elif isinstance(mine, sympy.Basic):
            if theirs is None or isinstance(theirs, str) or not _may_be(mine, theirs):
                return None
        elif name in sizes and isinstance(theirs, int) and 0 <= theirs <= sizes[name]:
            made[name] = theirs
        elif mine != theirs:
            return None
    return made


def _is_instance(claim: Claim, given: Parameters, p: Parameters) -> bool:
    """Whether the case's transformer and formula are those of the set, with numbers for letters."""
    import sympy

    from proofs.prove_steps import SEEN

    assert claim.witness is not None and claim.formula is not None
    d = p["d"]
    values: dict[Any, Any] = {}
    lengths = {len(p[k]) for k, v in given.items() if getattr(v, "size", "d") == "n"}
    if len(lengths) > 1:
        return False
    letters = opened(given, d, *lengths)
    for name in counted(given):
        if p[name] > SEEN:
            return False
        letters[name] = p[name]
        letters |= own_of_steps(given, letters, d)
    for name, letter in letters.items():
        if name in p:
            _match(letter, p[name], values)
    in_letters = build(claim.witness, letters)
    if not all(isinstance(symbol, sympy.Symbol) for symbol in values):
        return False
    if in_letters.free_symbols - set(values):
        return False
    p = {name: value for name, value in p.items() if name != "n"}
    run = build(claim.witness, p)
    stated = claim.formula.at({**in_letters.parameters, **letters})
    if claim.formula.at({**run.parameters, **p}) != stated:
        return False
    return substituted(in_letters, values).digest == run.digest


def _match(letter: Any, value: Any, values: dict[Any, Any]) -> None:
    import sympy

    if isinstance(letter, tuple) and isinstance(value, tuple):
        for one, entry in zip(letter, value):
            _match(one, entry, values)
    elif isinstance(letter, sympy.Basic):
        exactly = isinstance(value, (int, Fraction))
        values[letter] = sympy.Rational(value) if exactly else sympy.sympify(value)


def substituted(witness: Any, values: Mapping[Any, Any]) -> Any:
    """The witness with numbers for its letters; blocks that become zero are left out."""
    from proofs.exact import exact, is_symbolic
    from proofs.slotmap import slot_map

    def number(value: Any) -> Any:
        return exact(value.xreplace(values)) if is_symbolic(value) else value

    @cache
    def slots(old: Any) -> Any:
        if old is None:
            return None
        return slot_map(
            *(
                replace(
                    block,
                    coefficient=number(block.coefficient),
                    matrix=block.matrix and tuple(tuple(map(number, row)) for row in block.matrix),
                )
                for block in old
            )
        )

    def rule(old: Any) -> Any:
        return old and replace(
            old,
            constants=tuple((name, number(value)) for name, value in old.constants),
            matrix=old.matrix and tuple(tuple(map(number, row)) for row in old.matrix),
        )

    layers = tuple(
        replace(
            layer,
            heads=tuple(
                replace(
                    h,
                    query=slots(h.query),
                    key=slots(h.key),
                    value=slots(h.value),
                    mask=rule(h.mask),
                    mix=rule(h.mix),
                )
                for h in layer.heads
            ),
            mlp=layer.mlp
            and replace(
                layer.mlp,
                outer=slots(layer.mlp.outer),
                inner=slots(layer.mlp.inner),
                gate=slots(layer.mlp.gate),
            ),
        )
        for layer in (one.with_numbers(number) for one in witness.layer_list)
    )
    return replace(
        witness,
        prompt=replace(witness.prompt, embedding=slots(witness.prompt.embedding)),
        layer_list=layers,
        readout=replace(witness.readout, coefficient=number(witness.readout.coefficient)),
    )


def _same_as_code(claim: Claim, drawn: Sequence[Any]) -> str | None:
    """Where the code of the algorithm is not the formula; None if they agree on all cases."""
    assert claim.algorithm is not None and isinstance(claim.formula, Formula)
    for case in drawn:
        code = reference(claim.algorithm, case, Fraction, ...)
        stated = reference(claim.formula, case, Fraction, ...)
        if code.ravel().tolist() != stated.ravel().tolist():
            return f"the code of the algorithm is not the formula at {described(case.parameters)}"
    return None


# -- words --------------------------------------------------------------------------------------


def _reach(proved: Mapping[str, Proved], reach: int) -> str:
    """ "derived for the formula, every prompt of any length, d = 1 to 24, iterations = 0 to 4"."""
    from proofs.prove_steps import SEEN
    from proofs.prove_witness import divides

    with_mixes = any(mixes(one.given) for one in proved.values())
    any_length = not with_mixes and all(one.examples is None for one in proved.values())
    words = ["derived for the formula, every prompt" + (" of any length" if any_length else "")]
    names = sorted({name for one in proved.values() for name in one.sizes})
    for name in names:
        sizes = {one.given[name] for one in proved.values() if name in one.given}
        words.append(f"{name} = {_range(sizes)}")
    for name in sorted({name for one in proved.values() for name in counted(one.given)}):
        words.append(f"every number {name} by induction, seen to be one step repeated up to {SEEN}")
    words.append(f"d = 1 to {reach}")
    if with_mixes:
        words.append(f"n = 1 to {reach}")
    letters = {
        value.words if isinstance(value, Open) else " ".join((*assumed(value), name))
        for one in proved.values()
        for name, value in one.given.items()
        if hasattr(value, "free_symbols") or isinstance(value, (Vector, Matrix, Each))
    }
    if letters:
        words.append(f"any {', '.join(sorted(letters))}")
    if any(divides(one.witness) for one in proved.values()):
        words.append("where no sum of scores that is divided by is 0")
    return ", ".join(words)


def _range(values: set[int]) -> str:
    least, most = min(values), max(values)
    if len(values) == 1:
        return str(least)
    if values == set(range(least, most + 1)):
        return f"{least} to {most}"
    return ", ".join(map(str, sorted(values)))


def described(parameters: Parameters) -> str:
    """ "d = 3, any A, iterations = 3"."""
    return ", ".join(
        f"any {value.words}" if isinstance(value, Open) else f"{name} = {value}"
        for name, value in parameters.items()
        if name != "expand" and value is not None
    )
