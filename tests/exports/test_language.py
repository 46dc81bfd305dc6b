"""An induction head in transformers' own GPT2LMHeadModel: from token ids, right for every text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import constructions
from constructions import Layer, rule, slot_map
from constructions.exports.gpt2 import NoExport
from constructions.exports.language_model import BODY
from constructions.exports.words import word_model
from verify import algorithms
from verify.checks.bounds.balls import at_most, top
from verify.claim import Approximates, Budget, Refuted
from verify.claims.ours import induction
from verify.command.cli import main
from verify.engine import run
from verify.exports.folder import as_written, claims_of, read
from verify.exports.formats import FLOAT16, FLOAT32, REALS
from verify.exports.forward import forward
from verify.exports.head_error import Reading
from verify.exports.language.certificate import Choice, Product, Retrieval, Texts
from verify.exports.language.export import as_run, export
from verify.exports.language.scores import attended
from verify.exports.language.texts import answers, drawn
from verify.exports.running import speaker, speaker_in
from verify.exports.spectrum import NoCertificate

D, LENGTH = 3, 24
OPTIONS = ("--set", f"d={D},length={LENGTH}")
NOTHING = Reading(arb(0), arb(0))


def needs(*packages: str) -> pytest.MarkDecorator:
    """Skips a test where a package that an export is loaded with is not installed."""
    missing = [name for name in packages if find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def built(**parameters: Any) -> constructions.Witness:
    return constructions.build("induction_head", **{"d": D, "length": LENGTH} | parameters)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("language") / "induction"
    assert main(["export", "induction_head", "--to", "gpt2", "-o", str(made), *OPTIONS]) == 0
    return made


@pytest.fixture
def changed(folder, tmp_path) -> Path:
    """A copy of the folder, to be changed."""
    made = tmp_path / "copy"
    made.mkdir()
    for file in folder.iterdir():
        (made / file.name).write_bytes(file.read_bytes())
    return made


# -- the algorithm ----------------------------------------------------------------------------


@given(st.lists(st.integers(1, 4), max_size=12))
def test_what_followed_is_the_word_after_the_last_earlier_occurrence(words):
    for t, answer in enumerate(algorithms.what_followed(words)):
        earlier = [j for j in range(t) if words[j] == words[t]]
        assert answer == (words[earlier[-1] + 1] if earlier else None)


def test_the_answer_is_one_hot_and_the_first_number_stands_for_nothing():
    a, b, c = np.eye(3, dtype=int)
    X, queries = np.array([a, b, a, c]), np.array([a, b, b])
    found = algorithms.induction_head(X, np.zeros((4, 0)), queries)
    assert found.tolist() == [[0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0]]
    assert algorithms.induction_head(X, None, X).shape == (4, 4)
    assert algorithms.induction_head(X[:2], None, queries[:0]).shape == (0, 4)


def test_texts_of_every_kind_are_drawn_and_begin_once():
    ids = drawn(Texts(4, 30), 60, 0)
    assert not ids[:, 0].any() and ids[:, 1:].min() == 1 and ids.max() == 4
    kinds = [answers(ids[kind::3]) for kind in range(3)]
    assert all((one[:, 1:] == 0).any() and (one[:, 1:] != 0).any() for one in kinds)
    same = [(ids[kind::3, 1:-1] == ids[kind::3, 2:]).mean() for kind in range(3)]
    assert same[2] < same[0] < same[1]


# -- the model --------------------------------------------------------------------------------


def lines_of(card: str) -> list[str]:
    """The pieces of code in a card."""
    return re.findall(r"```python\n(.*?)```", card, re.S)


def printed_bound(card: str) -> float:
    found = re.search(r"\| float32 \| ([\d.e-]+) \|.*\| always \|", card)
    assert found is not None
    return float(found[1])


@needs("transformers")
def test_the_cards_lines_are_right_within_its_bound_without_this_package(folder, outside):
    card = (folder / "README.md").read_text()
    texts = drawn(Texts(D, LENGTH), 6, 3)
    script = lines_of(card)[0] + (
        "\nimport json\ntexts = json.loads(sys.argv[2])\n"
        "print(json.dumps([[logits(words).tolist(), predict(words)] for words in texts]))"
    )
    found = json.loads(outside(script, folder, json.dumps(texts[:, 1:].tolist())))
    for (logits, predicted), right in zip(found, answers(texts), strict=True):
        assert predicted == right[-1]
        assert 0 < abs(np.array(logits) - np.eye(D + 1)[right]).max() <= printed_bound(card)


@needs("transformers")
def test_generate_goes_on_with_what_was_there_and_stops_at_what_is_new(folder):
    import torch
    from transformers import GPT2LMHeadModel

    model = GPT2LMHeadModel.from_pretrained(str(folder), attn_implementation="eager").eval()

    def after(*words: int) -> list[int]:
        text = torch.tensor([[0, *words]])
        made = model.generate(text, max_new_tokens=5, do_sample=False, pad_token_id=0,
                              attention_mask=torch.ones_like(text))  # fmt: skip
        return made[0, text.shape[1] :].tolist()

    assert after(1, 3, 2, 1) == [3, 2, 1, 3, 2]
    assert after(1, 3, 2) == [0]


@needs("transformers", "transformer_lens")
def test_in_transformer_lens_both_heads_attend_to_the_token_that_the_truth_names(folder, outside):
    said = json.loads((folder / "witness.json").read_text())
    text = said["example"]["input_ids"]
    script = "\n".join(lines_of((folder / "README.md").read_text())) + (
        "\nimport json\nwords = json.loads(sys.argv[2])\nids = torch.tensor([[0, *words]])\n"
        "out = bridge(ids)[0].argmax(-1).tolist()\n"
        "print(json.dumps([out, [one.tolist() for one in patterns(words)]]))"
    )
    printed = outside(script, folder, json.dumps(text[1:])).splitlines()[-1]
    predicted, patterns = json.loads(printed)
    assert predicted == said["example"]["next"]
    for layer, pattern, keys in zip(said["layers"], patterns, said["example"]["attends_to"]):
        (head,) = layer["heads"]
        for t, key in enumerate(keys):
            assert pattern[head["head"]][t][key] >= 1 - 1e-6
        others = [one for number, one in enumerate(pattern) if number != head["head"]]
        assert others and all(one[5][5] < 0.2 for one in others)  # they write nothing


def test_every_short_text_has_its_largest_logit_at_the_right_token():
    for d, length in ((1, 9), (2, 9), (3, 7), (5, 4)):
        made = export("induction_head", built(d=d, length=length))
        words = np.array(list(product(range(1, d + 1), repeat=length - 1)))
        ids = np.concatenate([np.zeros((len(words), 1), dtype=int), words], axis=1)
        logits = speaker(made.checkpoint).logits(ids)
        off = abs(logits - np.eye(d + 1)[answers(ids)]).max()
        assert off <= made.certificate.bounds["float32"] < 1e-5
        assert (logits.argmax(-1) == answers(ids)).all()


def test_the_bound_holds_on_ten_thousand_texts_and_is_at_most_a_hundred_times_the_error(folder):
    found = as_run(str(folder), read(folder)).run(Budget())
    assert found.passed and found.cases == 10_000
    assert found.bound / 100 <= found.max_error <= found.bound


def test_an_error_beyond_the_bound_is_seen(folder):
    made = read(folder)
    made.certificate.bounds["float32"] /= 1000
    found = as_run(str(folder), made).run(Budget(quick=True))
    assert found.passed is False and found.max_error > found.bound
    assert found.counterexample["input_ids"][0] == 0


@needs("transformers")
def test_without_transformers_a_folder_is_run_as_gpt2_is_defined(folder, monkeypatch):
    ids, theirs = drawn(Texts(D, LENGTH), 30, 9), speaker_in(folder)
    monkeypatch.setattr("verify.exports.running.find_spec", lambda name: None)
    ours = speaker_in(folder)
    assert theirs.runner == "transformers" and "this package" in ours.runner
    assert abs(ours.logits(ids) - theirs.logits(ids)).max() <= 1e-6


def test_the_residual_stream_holds_what_the_truth_file_says(folder):
    said = json.loads((folder / "witness.json").read_text())
    tensors = {name.removeprefix(BODY): one
               for name, one in load_file(folder / "model.safetensors").items()}  # fmt: skip
    config = json.loads((folder / "config.json").read_text())
    inputs = tensors["wte.weight"][[said["example"]["input_ids"]]]
    forward(tensors, config, inputs, reads=(reads := []))
    bound, seen = said["bounds"]["with_rounding_in"]["float32"], set()
    held = said["example"]["slots_after_embedding_and_blocks"]
    for stream, slots in zip((reads[0], reads[2], reads[4]), held, strict=True):
        for name, directions in said["slots"].items():
            want = np.array(slots[name]).reshape(len(stream[0]), -1)
            assert abs(stream[0] @ np.array(directions).T - want).max() <= bound, name
            seen |= {name} if want.any() else set()
    assert seen == set(said["slots"])


def test_the_truth_names_the_token_before_and_the_last_that_followed():
    found = Retrieval(built())
    back, copied = attended(found.choices, [0, 1, 2, 1, 1, 3])
    assert back == [0, 0, 1, 2, 3, 4]
    assert copied == [0, 0, 0, 2, 4, 0]


# -- the folder -------------------------------------------------------------------------------


def test_the_folder_is_a_claim_with_a_bound_for_every_text(folder):
    (claim,) = claims_of(str(folder))
    verdict = run(claim, Budget(quick=True)).verdict
    assert isinstance(verdict, Approximates) and verdict.strength == "enclosed"
    assert verdict.bound < 1e-5 and verdict.box == Texts(D, LENGTH).words


def change_weight(folder: Path, name: str) -> None:
    tensors = load_file(folder / "model.safetensors")
    at = tuple(np.argwhere(tensors[name])[0])
    tensors[name][at] = np.nextafter(tensors[name][at], np.float32(np.inf))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    "name", ["lm_head.weight", *(BODY + one for one in ("wte.weight", "h.1.attn.c_attn.weight"))]
)
def test_a_wrong_weight_is_found_and_named(name, changed):
    change_weight(changed, name)
    (claim,) = claims_of(str(changed))
    verdict = run(claim, Budget(quick=True)).verdict
    assert isinstance(verdict, Refuted) and name in str(verdict.counterexample)


def test_a_folder_that_computes_something_else_is_beyond_its_bound(folder, changed):
    tensors = load_file(changed / "model.safetensors")
    tensors[f"{BODY}h.1.attn.c_proj.weight"] *= 0.99
    save_file(tensors, changed / "model.safetensors", metadata={"format": "pt"})
    assert as_run(str(changed), read(folder)).run(Budget(quick=True)).passed is False


def test_a_model_that_cannot_read_a_text_is_refuted_and_not_broken(folder, changed):
    tensors = load_file(changed / "model.safetensors")
    tensors[f"{BODY}wpe.weight"] = tensors[f"{BODY}wpe.weight"][:5]
    save_file(tensors, changed / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((changed / "config.json").read_text()) | {"n_positions": 5}
    (changed / "config.json").write_text(json.dumps(config))
    found = as_run(str(changed), read(folder)).run(Budget(quick=True))
    assert found.passed is False and "cannot read these texts" in found.detail


def test_settings_of_generation_that_no_export_has_are_noticed(changed):
    (changed / "generation_config.json").write_text('{"suppress_tokens": [2]}')
    found = as_written(str(changed), read(changed)).run(Budget(quick=True))
    assert found.passed is False and found.counterexample == {"file": "generation_config.json"}


@pytest.mark.parametrize("file", ["config.json", "witness.json"])
def test_another_value_of_any_field_is_noticed(file, folder, changed):
    said, made = json.loads((folder / file).read_text()), read(folder)
    for key in said:
        (changed / file).write_text(json.dumps({**said, key: "another"}))
        found = as_written(str(changed), made).run(Budget())
        assert found.passed is False, key
    assert len(said) > 9


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"parameters": {"d": 3}}, "n_positions is not that of the witness"),
        ({"parameters": {"d": "many"}}, "is not what an export writes"),
        ({"constants": {"unit": 3}}, "is not what an export writes"),
        ({"constants": {}}, "is not what an export writes"),
        ({"name": "newton"}, "is not what an export writes"),
        ({"reads": "words"}, "is not what an export writes"),
    ],
)
def test_a_folder_that_describes_something_else_is_not_believed(changes, said, changed, capsys):
    file = changed / "witness.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    status = main(["check", str(changed), "--quick"])
    shown = " ".join("".join(capsys.readouterr()).split())
    assert status in (1, 2) and said in shown


# -- what is read off the layers --------------------------------------------------------------


def with_head(number: int, **fields: Any) -> Callable[[Any], Any]:
    """The witness with other fields in the one head of a layer."""

    def change(witness: Any) -> Any:
        layers = list(witness.layer_list)
        (head,) = layers[number].heads
        layers[number] = replace(layers[number], heads=(replace(head, **fields),))
        return replace(witness, layer_list=tuple(layers))

    return change


def with_prompt(**fields: Any) -> Callable[[Any], Any]:
    return lambda witness: replace(witness, prompt=replace(witness.prompt, **fields))


NEAR, MATCH, START = ("near", "one", 20), ("same", "word", 480), ("start", "one", 480)
WORD, PLACE = ("word", "word"), ("place", "index")
REST = (("start", "register"), ("one", "one"), ("parity", "parity"))
WRONG: dict[str, tuple[Callable[[Any], Any], str]] = {
    "parity has no effect": (
        with_head(0, query=slot_map(NEAR, ("parity", "parity", 0))), "is not the highest"),
    "parity has the other sign": (
        with_head(0, query=slot_map(NEAR, ("parity", "parity", 20))), "is not the highest"),
    "parity counts half": (
        with_head(0, query=slot_map(NEAR, ("parity", "parity", -10))), "whole multiples"),
    "it copies twice": (
        with_head(0, value=slot_map(("before", "word", 2))), "copies something else"),
    "a match gains little": (
        with_head(1, query=slot_map(NEAR, START, ("same", "word", 460))), "whole multiples"),
    "a match gains nothing to speak of": (
        with_head(1, query=slot_map(NEAR, START, ("same", "word", 20))),
        "is not the highest"),
    "the first match wins": (
        with_head(1, query=slot_map(("near", "one", -20), START, MATCH)), "is not the highest"),
    "the beginning is not looked at": (
        with_head(1, query=slot_map(NEAR, ("start", "one", 0), MATCH)), "is not the highest"),
    "words match their own token": (
        with_head(1, key=slot_map(("near", "place"), ("start", "start"), ("same", "word"))),
        "read more"),
    "nothing followed is not said": (
        with_head(1, value=slot_map(("next[0]", "one"))), "copies something else"),
    "places run in steps of two": (
        with_prompt(embedding=slot_map(WORD, ("place", "index", 2), *REST)), "whole multiples"),
    "words are embedded twice as large": (
        with_prompt(embedding=slot_map(("word", "word", 2), PLACE, *REST)), "one-hot words"),
    "a word is in its place already": (
        with_prompt(embedding=slot_map(WORD, PLACE, *REST, ("before", "word"))), "one-hot words"),
    "the number is in the words' place": (
        with_prompt(embedding=slot_map(WORD, PLACE, *REST, ("next[0]", "index"))),
        "one-hot words"),
    "a layer is missing": (
        lambda witness: replace(witness, layer_list=witness.layer_list[:1]), "two layers"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_there_is_no_certificate_of_other_layers(name):
    change, said = WRONG[name]
    with pytest.raises(NoCertificate, match=said):
        Retrieval(change(built()))


def test_of_more_tokens_than_the_length_the_scores_are_not_different():
    witness = built()
    Retrieval(witness)
    longer = replace(witness, parameters={**witness.parameters, "length": LENGTH + 1})
    with pytest.raises(NoCertificate, match="whole multiples"):
        Retrieval(longer)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (with_head(0, mask=rule("j < t")), "not causal softmax"),
        (with_head(1, attention="linear"), "not causal softmax"),
        (with_head(1, keys="full"), "not causal softmax"),
        (with_prompt(register=False, embedding=slot_map(WORD, PLACE)), "other than a beginning"),
        (with_prompt(encodings=(("parity", (rule("t / n"),)),)), "an embedding that reads parity"),
        (lambda one: replace(one, readout=constructions.Readout("before")), "a number for each"),
        (lambda one: replace(one, layer_list=(Layer("other", mlp=constructions.MLP(
            slot_map(("next[0]", "one")))),)), "an MLP"),
    ],
)  # fmt: skip
def test_what_a_language_model_cannot_say_is_refused_by_name(change, said):
    with pytest.raises(NoExport, match=said):
        word_model(change(built()), LENGTH, 2**16)


# -- the bound --------------------------------------------------------------------------------


def test_summands_are_off_by_no_more_than_is_said_and_can_be():
    random, one = np.random.default_rng(0), Product(arb(3), arb(2), arb("1.5"), arb("0.2"), 4)
    most, seen = top(one.off(Reading(arb("0.01"), arb("0.03")))), 0.0
    for number in range(3000):
        e = random.choice([-1, 1], (2, 5)) if number % 2 else random.uniform(-1, 1, (2, 5))
        query, key = np.array([2.0, 0, 0, 0, 0]), np.array([1.5] * 5)
        own = query * (1 + 0.01 * e[0]) + 0.03 * e[0]
        other = (key + 0.2 * e[1]) * (1 + 0.01 * e[1]) + 0.03 * e[1]
        seen = max(seen, abs(3 * (own @ other - query @ key)))
    assert 0.9 * most < seen <= most


@pytest.mark.parametrize("off", [0.0, 0.4])
def test_other_keys_have_no_more_than_is_said_and_can_have_it(off):
    """Scores 0, -1, -2, … times the sharpness; the right one is too low, and the others too high.
    off: half of it by the query, which is 1, half by the key."""
    n, sharpness = 12, 3.0
    grown = (1 + off) ** 0.5 - 1  # (1 + grown)^2 - 1 = off
    products = (Product(arb(1), arb(1), arb(1)),)
    choice = Choice(products, n, arb(sharpness), REALS)
    may = top(choice.others(Reading(arb(grown), arb(0))))
    weights = np.exp(-sharpness * np.arange(n) + off * np.where(np.arange(n), 1, -1))
    others = weights[1:].sum() / weights[0]
    assert 0.99 * may < others <= may * (1 + 1e-12)
    assert choice.others(Reading(arb(1), arb(0))) == arb("inf")  # another may seem to be right


@pytest.mark.parametrize("sharpness", [2.0, 6.0, 20.0])
def test_a_head_in_float16_is_off_by_no_more_than_is_said(sharpness):
    """exp, the sum and the values are rounded, in any order of adding up."""
    random, n, used = np.random.default_rng(1), 8, 0.0
    most = Choice((), n, arb(sharpness), FLOAT16).error(Reading(arb("0.001"), arb(0)))
    for _ in range(400):
        scores = -sharpness * random.permutation(n)
        weights = np.exp(scores).astype("f2")
        values = (random.integers(0, 2, n) * (1 + 0.001 * random.choice([-1, 1], n))).astype("f2")
        share = weights / weights.cumsum(dtype="f2")[-1]
        written = np.cumsum(share * values, dtype="f2")[-1]
        right = float(values[scores.argmax()] > 0)
        used = max(used, abs(float(written) - right) / top(most))
    assert 0.1 < used <= 1


def test_of_a_flat_softmax_there_is_no_bound():
    made = Retrieval(built(sharpness=Fraction(1, 2)))
    assert made.own_error() == arb("inf")
    assert set(made.certificate(made.constants(2**16)).bounds.values()) == {float("inf")}


def test_the_witness_itself_is_within_its_bound_and_near_it():
    """The last of two that match stands just before another, and says something else."""
    witness = built(length=5, sharpness=8)
    words = np.eye(3, dtype=int)[[0, 0, 1, 0]].astype(object)
    given = words[:-1], np.zeros((3, 0), dtype=object), words[-1:]
    found = witness.predict(*given, numbers="ball")[0]
    wanted = algorithms.induction_head(*given)[0]
    off, bound = max(top(p - w) for p, w in zip(found, wanted)), top(Retrieval(witness).own_error())
    assert bound / 100 < off <= bound


@pytest.mark.parametrize("d, length", [(1, 3), (3, 24), (8, 64), (26, 64)])
def test_the_unit_is_the_one_of_the_least_bound(d, length):
    made = Retrieval(built(d=d, length=length))
    chosen = made.search()
    off = top(made.error(chosen, FLOAT32))
    for factor in (Fraction(1, 4), 4):
        other = made.constants(int(chosen.unit * factor))
        assert top(made.error(other, FLOAT32)) >= off


# -- the claims -------------------------------------------------------------------------------


def broken(*given: Any, **parameters: Any) -> Any:
    """An induction head whose beginning is not looked at."""
    made = constructions.build("induction_head", **parameters)
    query = slot_map(NEAR, ("start", "one", 0), ("same", "word", 20 * parameters["length"]))
    return with_head(1, query=query)(made)


def test_a_head_that_is_no_induction_head_is_seen_by_both_checks_of_the_claim():
    bounded = induction.bounded(build=broken).run(Budget())
    assert bounded.passed is False and "highest" in bounded.detail
    run_all = induction.every_text(build=broken).run(Budget())
    assert run_all.passed is False and run_all.counterexample["text"] == [1, 2]


def test_the_claims_bound_is_needed(monkeypatch):
    monkeypatch.setattr(induction, "CLAIMED", induction.CLAIMED / 100)
    assert induction.bounded().run(Budget()).passed is False
    monkeypatch.setattr(induction, "IN_GPT2", induction.IN_GPT2 / 100)
    assert induction.bounded_in_gpt2().run(Budget(quick=True)).passed is False


def test_the_readme_says_the_bound_of_its_example():
    text = (Path(__file__).parents[2] / "verify" / "README.md").read_text(encoding="utf-8")
    (said,) = re.findall(r"each is within ([\d.e-]+) of 1 or 0", text)
    made = export("induction_head", built(d=8, length=64))
    assert said == at_most(made.certificate.bounds["float32"])


# -- the command ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--n", "4"], "--n is not for induction_head in GPT-2, which reads a text"),
        (["--x", "2"], "--x is not for induction_head in GPT-2"),
        (["--disguise", "1"], "--disguise is not for induction_head in GPT-2"),
        (["--set", "d=0"], "d"),
        (["--set", "length=2"], "length"),
        (["--set", "words=3"], "words"),
        (["--set", "sharpness=1/2"], "no logit is certain"),
        (["--numbers", "float64"], "--numbers is not for --to gpt2"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_one_line(arguments, said, tmp_path, capsys):
    to = tmp_path / "out"
    assert main(["export", "induction_head", "--to", "gpt2", *arguments, "-o", str(to)]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not to.exists()
