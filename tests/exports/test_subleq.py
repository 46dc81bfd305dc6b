"""SUBLEQ in transformers' own GPT2LMHeadModel: what it says after a program is its run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from constructions.exports import subleq
from constructions.exports.gpt2 import POSITIONS
from constructions.exports.language_model import (
    LanguageModel,
    Vocabulary,
    head_weights,
    language_model,
    mlp_weights,
)
from constructions.exports.subleq import PARTS, machine, token_units
from proofs.layer import Head, Layer
from proofs.slotmap import Block, SlotMap
from verify.claim import Approximates, Budget, Differs, Refuted
from verify.claims.giannou2023 import machines
from verify.command.cli import main
from verify.engine import run
from verify.exports.folder import as_written, claims_of, read
from verify.exports.formats import BFLOAT16, FLOAT16
from verify.exports.running import speaker, speaker_in
from verify.exports.spectrum import NoCertificate
from verify.exports.subleq.certificate import certificate
from verify.exports.subleq.export import export
from verify.exports.subleq.listing import PER_COMMAND, Program, drawn, example, memory, written
from verify.exports.subleq.ramps import Ramps
from verify.exports.subleq.running import agrees
from verify.exports.subleq.truth import looks_at

needs_transformers = pytest.mark.skipif(
    find_spec("transformers") is None, reason="not installed: transformers"
)
D, ADDRESS = 5, 4


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("exports") / "subleq"
    assert main(["export", "subleq", "--to", "gpt2", "-o", str(made)]) == 0
    return made


@pytest.fixture(scope="session")
def model() -> LanguageModel:
    return machine(D, ADDRESS)


def as_program(one: machines.Machine) -> Program:
    return Program(one.word, one.address, one.memory, one.commands, one.counter)


# -- a computer -------------------------------------------------------------------------------

LINES = re.compile(r"```python\n(.*?)```", re.S)


@needs_transformers
def test_programs_run_to_their_end_by_the_cards_lines_without_this_package(folder, outside):
    lines, _ = LINES.findall((folder / "README.md").read_text())
    programs = [
        example(D, ADDRESS),
        as_program(machines.addition(D, 7, -12)),
        as_program(machines.multiplication(D, 3, 5)),
        as_program(machines.multiplication(D, -4, 4)),
    ]
    texts = [written(one.tokens()) for one in programs]
    script = lines + "\nfor text in sys.argv[2:]: print(run(text))"
    said = outside(script, folder, *texts).splitlines()[-len(texts) :]
    wanted = (("1", 12), ("2", -5), ("1", 15), ("1", -16))
    for text, continued, program, (at, value) in zip(texts, said, programs, wanted, strict=True):
        most = (1024 - len(text.split())) // PER_COMMAND
        made = written(program.run(most))
        assert continued == made or continued.startswith(f"{made} "), text
        assert memory(f"{text} {continued}")[at] == value
    assert said[0].endswith(subleq.text(subleq.END))


@needs_transformers
@pytest.mark.skipif(find_spec("transformer_lens") is None, reason="not installed: transformer_lens")
def test_in_transformer_lens_it_says_the_same_and_heads_look_where_the_truth_says(folder, outside):
    example = json.loads((folder / "witness.json").read_text())["example"]
    script = "\n".join(LINES.findall((folder / "README.md").read_text())) + (
        "\nimport json\n"
        "logits, cache = seen(sys.argv[2])\n"
        "shares = [cache[f'blocks.{i}.attn.hook_pattern'][0].tolist() for i in range(2)]\n"
        "print(json.dumps([tokenizer.decode(logits.argmax(-1)), shares]))"
    )
    said, shares = json.loads(outside(script, folder, example["text"]).splitlines()[-1])
    words = example["text"].split()
    start = next(i for i, word in enumerate(words) if word[0] == ">")
    assert said.split()[start:-1] == words[start + 1 :]
    for heads, looks in zip(shares, example["looks_at"], strict=True):
        for share, positions in zip(heads, looks.values(), strict=True):
            for row, at in zip(share, positions, strict=True):
                assert at is None or row[at] > 1 - 1e-6


@needs_transformers
def test_what_has_ended_or_has_no_position_left_has_no_run(folder, outside):
    lines, _ = LINES.findall((folder / "README.md").read_text())
    longest = ["@1 =3"] * 509 + ["5:", "a1", "b1", "c0"]
    texts = ["@1 =3 5: a1 b1 c0 >0", " ".join([*longest, ">5", "-1"]), " ".join([*longest, ">5"])]
    said = outside(f"{lines}\nfor text in sys.argv[2:]: print([run(text)])", folder, *texts)
    assert [len(text.split()) for text in texts[1:]] == [1024, 1023]
    assert said.splitlines()[-3:] == ["['']", "['']", "['-1']"]


@needs_transformers
def test_a_word_that_is_none_is_told_by_the_cards_lines(folder, outside):
    lines, _ = LINES.findall((folder / "README.md").read_text())
    script = (
        f"{lines}\ntry:\n    run('@1 =99 >1')\nexcept AssertionError as error:\n    print(error)"
    )
    assert outside(script, folder).splitlines()[-1] == "a word is none of this machine"


def test_the_example_of_the_card_is_its_run(folder):
    card = (folder / "README.md").read_text()
    program = example(D, ADDRESS)
    assert f"    {written(program.tokens())}\n\nis\n\n    {written(program.run(100))}\n" in card
    assert "'1': 12" in card  # 3 times 4


@pytest.mark.parametrize(("word", "address"), [(1, 2), (2, 3), (D, ADDRESS), (8, 5), (8, 7)])
def test_it_does_what_the_interpreter_does(word, address):
    made = machine(word, address)
    proved = certificate(made)
    found = agrees(Budget(quick=True, seed=3), speaker(made), made, proved)
    assert found.cases >= 500 and 0 < found.max_error <= proved.code


def test_ten_thousand_commands_are_right_and_the_bound_is_at_most_a_hundred_times_the_error(folder):
    made = read(folder)
    found = agrees(Budget(seed=1), speaker_in(folder), made.checkpoint, made.certificate)
    assert found.passed and found.cases >= 10_000
    assert made.certificate.code / 100 <= found.max_error <= made.certificate.code


def test_it_is_right_in_every_state_of_the_smallest_machines():
    made = machine(2, 2)
    number = {token: i for i, token in enumerate(made.tokens)}
    texts: dict[int, set[tuple[int, ...]]] = {}
    for each in machines.every(2, 2):
        program = as_program(each)
        ids = [number[token] for token in (*program.tokens(), *program.run(1))]
        texts.setdefault(len(ids), set()).add(tuple(ids))
    assert sum(map(len, texts.values())) == 4 + 32 + 64  # by memory and commands: 1, 1; 1, 2; 2, 1
    for same in texts.values():
        ids = np.array(sorted(same))
        said = speaker(made).logits(ids).argmax(axis=-1)
        assert (said[:, -PER_COMMAND - 1 : -1] == ids[:, -PER_COMMAND:]).all()


def test_where_N_has_a_pair_of_its_own_and_heads_the_least_size_it_says_the_same():
    slot = machine(2, 3)
    said = Vocabulary(slot.tokens, subleq.held(slot.tokens, 2, 3), True, {})
    alone = language_model(slot.witness, said, POSITIONS, subleq.UNIT)
    assert alone.room.size < slot.room.size
    assert not alone.tensors["transformer.h.0.mlp.c_fc.bias"].any()
    assert slot.tensors["transformer.h.0.mlp.c_fc.bias"].any()
    program = example(2, 3)
    before, after = program.tokens(), program.run(9)
    text = " ".join(map(subleq.text, before))
    for token in after:
        assert next_words(alone, text) == next_words(slot, text) == subleq.text(token)
        text += f" {subleq.text(token)}"


def test_of_several_words_behind_an_address_the_latest_is_read(model):
    text = "@1 =3 @2 =4 @1 =5 3: a1 b2 c4 @1 =-7 >3 -1 @2"
    assert next_words(model, text) == "=11"
    assert next_words(model, text.replace("@1 =-7 ", "")) == "=-1"
    assert next_words(model, text.replace("@1 =-7", "@3 =-7")) == "=-1"


def next_words(model: LanguageModel, text: str) -> str:
    number = {subleq.text(token): i for i, token in enumerate(model.tokens)}
    logits = speaker(model).logits(np.array([[number[one] for one in text.split()]]))
    return subleq.text(model.tokens[logits[0, -1].argmax()])


def test_a_command_is_not_changed_by_what_is_written_at_its_number(model):
    begun = "@7 =1 5: a7 b7 c7 7: a7 b7 c0 >5"
    words = "-7 @7 =0 >7 -7 @7 =0 >0".split()
    for said, word in enumerate(words):
        assert next_words(model, " ".join([begun, *words[:said]])) == word


def test_at_0_and_below_it_branches_and_above_it_goes_on(model):
    for first, second, goes in ((1, 1, 9), (1, 0, 9), (0, 1, 4), (-15, 15, 9), (15, -16, 4)):
        left = (second - first + 16) % 32 - 16
        text = f"@1 ={first} @2 ={second} 3: a1 b2 c9 >3 -1 @2 ={left}"
        assert next_words(model, text) == f">{goes}", (first, second)


@pytest.mark.parametrize("seed", range(4))
def test_the_layers_themselves_say_what_comes_next_exactly(seed, model):
    """By the package's own reading of the layers, which knows nothing of GPT-2."""
    program = drawn(D, ADDRESS, seed)
    before, after = program.tokens(), program.run(20)
    stream = model.witness.layout
    units = [unit for slot in PARTS for unit in stream.rows(slot)]
    rows = token_units([*before, *after], model.witness)[:, units]
    last = model.witness.trace(rows[:-1], None, rows[-1:])[-1]
    said = np.concatenate([np.reshape(last[slot], (len(rows), -1)) for slot in PARTS], axis=1)
    assert abs(said[len(before) - 1 : -1] - rows[len(before) :]).max() < 1e-9


# -- the proof --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "name", "value", "said"),
    [
        (subleq, "RECENT", 2**14, "not far enough above"),  # one later is 16 more
        (subleq, "POINTED", 8, "not far enough above"),
        (subleq, "STEEP", 16, "comes near 0"),
        (subleq, "UNIT", 128, "not far enough above"),  # layer norms are not linear
    ],
)
def test_constants_that_do_not_suffice_are_not_certified(where, name, value, said, monkeypatch):
    monkeypatch.setattr(where, name, value)
    monkeypatch.setattr("verify.exports.subleq.certificate.UNIT", subleq.UNIT)
    with pytest.raises(NoCertificate, match=said):
        certificate(machine(D, ADDRESS))


def heads_of(model: LanguageModel) -> Iterator[tuple[int, int, str, int]]:
    """(layer, head, which map, block) of every block of a head."""
    for i, layer in enumerate(model.witness.layer_list):
        for j, head in enumerate(layer.heads):
            for name in ("query", "key", "value"):
                yield from ((i, j, name, at) for at in range(len(getattr(head, name).blocks)))


def with_head(model: LanguageModel, i: int, j: int, head: Head) -> LanguageModel:
    layers = list(model.witness.layer_list)
    heads = list(layers[i].heads)
    heads[j] = head
    layers[i] = replace(layers[i], heads=tuple(heads))
    return replace(model, witness=model.witness.with_layers(tuple(layers)))


def test_every_block_of_every_head_is_needed_for_the_proof(model):
    tried = 0
    for i, j, name, at in heads_of(model):
        head = model.witness.layer_list[i].heads[j]
        blocks = list(getattr(head, name).blocks)
        for factor in (0, -1, Fraction(1, 64)):
            changed = replace(blocks[at], coefficient=blocks[at].coefficient * factor)
            other = replace(head, **{name: SlotMap((*blocks[:at], changed, *blocks[at + 1 :]))})
            with pytest.raises(NoCertificate):
                certificate(with_head(model, i, j, other))
            tried += 1
    assert tried > 60


def test_a_head_that_reads_what_it_should_not_is_refused(model):
    head = model.witness.layer_list[1].heads[0]
    for name, block in (
        ("key", Block("pointer", "source")),
        ("value", Block("operand", "owner")),
        ("query", Block("pointer", "source", 64)),
    ):
        other = replace(head, **{name: SlotMap((*getattr(head, name).blocks, block))})
        with pytest.raises(NoCertificate, match="operand"):
            certificate(with_head(model, 1, 0, other))


def changed_mlps(layer: Layer) -> Iterator[Layer]:
    """The layer with one weight of its MLP twice as large: every one that is not 0."""
    for name in ("inner", "outer"):
        blocks = getattr(layer.mlp, name).blocks
        for at, block in enumerate(blocks):
            for row, values in enumerate(block.matrix):
                for column, value in enumerate(values):
                    if value:
                        matrix = [list(one) for one in block.matrix]
                        matrix[row][column] = 2 * value
                        other = replace(block, matrix=tuple(map(tuple, matrix)))
                        made = SlotMap((*blocks[:at], other, *blocks[at + 1 :]))
                        yield replace(layer, mlp=replace(layer.mlp, **{name: made}))


def in_floats(terms: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Sums of rows in float32, one addition after the other in an order that is drawn."""
    order = random.permutation(terms.shape[1])
    return np.cumsum(terms[:, order].astype(np.float32), axis=1, dtype=np.float32)[:, -1]


def test_what_an_mlp_writes_is_off_by_no_more_than_is_said_in_any_order(model, monkeypatch):
    """Of values that are read off by as much as they may be."""
    random, used, written_by = np.random.default_rng(4), [], Ramps.written

    def seen(ramps, slot, i, domains, wanted):
        ball = written_by(ramps, slot, i, domains, wanted)
        may = float(ball.upper())
        inner, outer = mlp_weights(ramps.mlp, ramps.stream)
        unit = ramps.stream.rows(slot)[i]
        hidden = np.flatnonzero(outer[unit])
        inner, weights = inner[hidden], outer[unit, hidden]
        for _ in range(4 if len(hidden) else 0):
            exact, off = np.zeros(inner.shape[1]), np.zeros(inner.shape[1])
            exact[ramps.stream.rows("one")] = 1
            for name, given in domains.items():
                for j, at in enumerate(ramps.stream.rows(name)):
                    of_this = given[j] if given and isinstance(given[0], tuple) else given
                    exact[at] = random.choice(of_this) if given else 0
                    off[at] = float(ramps.off[name].upper()) * random.choice([-1, 1])
                    off[at] += 0 if given else random.uniform(-1, 1)
            right = exact[unit] + weights @ np.maximum(inner @ exact, 0)
            scores = torch.tensor(in_floats(inner * (exact + off), random))
            made = torch.nn.functional.gelu(scores, approximate="tanh").numpy()
            found = exact[unit] + in_floats((weights * made)[None], random)[0]
            used.append(abs(float(found) - right) / may)
        return ball

    monkeypatch.setattr(Ramps, "written", seen)
    certificate(model)
    assert 0.1 < max(used) <= 1


def test_every_weight_of_an_mlp_is_needed_for_the_proof():
    small, tried = machine(1, 2), 0
    for i, layer in enumerate(small.witness.layer_list):
        for other in changed_mlps(layer):
            layers = list(small.witness.layer_list)
            layers[i] = other
            with pytest.raises(NoCertificate):
                certificate(replace(small, witness=small.witness.with_layers(tuple(layers))))
            tried += 1
    assert tried > 100


@pytest.mark.parametrize("form", [BFLOAT16, FLOAT16])
def test_formats_of_fewer_bits_are_not_certified(form, model, monkeypatch):
    monkeypatch.setattr("verify.exports.subleq.certificate.FLOAT32", form)
    with pytest.raises(NoCertificate):
        certificate(model)


def test_every_weight_is_a_float_as_it_is(model):
    """But for the norms' gain: rounding of weights is not counted, as there is none."""
    for layer in model.witness.layer_list:
        for head in layer.heads:
            for weights in head_weights(head, model.witness.layout):
                assert (np.float32(8 * weights) == 8 * weights).all()
        for weights in mlp_weights(layer.mlp, model.witness.layout):
            assert (np.float32(weights / 2) == weights / 2).all()
            assert all(Fraction(one).denominator <= 256 for one in weights[weights != 0])


# -- what the stream holds --------------------------------------------------------------------


@needs_transformers
def test_slots_and_heads_are_as_the_truth_file_says(folder):
    import torch
    from transformers import GPT2LMHeadModel

    said = json.loads((folder / "witness.json").read_text())
    example = said["example"]
    loaded = GPT2LMHeadModel.from_pretrained(folder, attn_implementation="eager").eval()
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    ids = torch.tensor([[vocabulary[one] for one in example["text"].split()]])
    streams: list[Any] = []
    for block in loaded.transformer.h:
        block.register_forward_hook(lambda *given: streams.append(
            given[2][0] if isinstance(given[2], tuple) else given[2]))  # fmt: skip
    with torch.no_grad():
        made = loaded(ids, attention_mask=torch.ones_like(ids), output_attentions=True)
    tokens = [loaded_token(one) for one in example["text"].split()]
    start = [kind for kind, _ in tokens].index("goto")
    held = example["slots_after_embedding_and_blocks"]
    compared = 0
    for number, stream in enumerate(streams):
        for name, directions in said["slots"].items():
            mine = stream.reshape(len(tokens), -1).double().numpy() @ np.array(directions).T
            wanted = np.reshape(held[number + 1][name], (len(tokens), -1))
            meant = np.ones(len(tokens), bool)
            if number:  # what no head means is a mean, of which nobody knows
                meant = np.arange(len(tokens)) >= start
                seen = example["looks_at"][1].get(name)
                meant &= [at is not None for at in seen] if seen else True
            assert abs(mine - wanted)[meant].max() <= said["bounds"]["code"], (number, name)
            compared += meant.sum()
    looked = 0
    for shares, heads, looks in zip(
        made.attentions, said["heads"], example["looks_at"], strict=True
    ):
        for number, head in enumerate(heads):
            for i, at in enumerate(looks[head["writes"]]):
                if at is not None:
                    assert shares[0, number, i, at] > 1 - 1e-6, (head, i)
                    looked += 1
    assert compared > 500 and looked > 100


def loaded_token(word: str) -> tuple[str, int]:
    return next(token for token in subleq.vocabulary(D, ADDRESS) if subleq.text(token) == word)


def test_heads_look_where_the_text_says():
    tokens = [*example(2, 2).tokens(), *example(2, 2).run(1)]
    assert written(tokens) == "@1 =1 @2 =0 3: a1 b2 c0 >3 -1 @2 =-1 >0"
    first, second = looks_at(tokens)
    assert first["owner"] == [0, 0, 2, 2, 4, 4, 4, 4, 4, 4, 10, 10, 10]
    assert first["counter"] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8, 12]
    assert first["source"] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9]
    assert second["operand"] == [None] * 8 + [5, 6, None, 7, None]
    assert second["first"] == [None] * 10 + [1, None, None]
    assert second["second"] == [None] * 10 + [3, None, None]


# -- the claim --------------------------------------------------------------------------------


def test_the_folder_is_a_claim_for_every_program(folder):
    (claim,) = claims_of(str(folder))
    verdict = run(claim, Budget(quick=True)).verdict
    assert isinstance(verdict, Approximates) and verdict.strength == "enclosed"
    assert verdict.bound < 0.01 and "whatever the memory" in verdict.box


def copied(folder: Path, to: Path) -> Path:
    to.mkdir()
    for file in folder.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


def test_any_wrong_weight_is_noticed(folder, tmp_path):
    copy, made = copied(folder, tmp_path / "copy"), read(folder)
    tensors = load_file(folder / "model.safetensors")
    for name, tensor in tensors.items():
        wrong = tensor.copy()
        at = tuple(int(i) // 2 for i in wrong.shape)
        wrong[at] = np.nextafter(wrong[at], np.float32(np.inf))
        save_file(tensors | {name: wrong}, copy / "model.safetensors", metadata={"format": "pt"})
        found = as_written(str(copy), made).run(Budget())
        assert found.passed is False and name in str(found.counterexample)


def test_a_folder_with_a_wrong_weight_is_refuted(folder, tmp_path, capsys):
    copy = copied(folder, tmp_path / "copy")
    tensors = load_file(copy / "model.safetensors")
    tensors["transformer.h.1.mlp.c_fc.bias"][0] += 1
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    (claim,) = claims_of(str(copy))
    assert isinstance(run(claim, Budget(quick=True)).verdict, Refuted)
    assert main(["check", str(copy), "--quick"]) == 1
    assert "transformer.h.1.mlp.c_fc.bias" in capsys.readouterr().out


@pytest.mark.parametrize("part", ["h.0.attn.c_attn.bias", "h.1.mlp.c_proj.weight"])
def test_a_model_that_says_something_else_is_seen(part, model):
    name = f"transformer.{part}"
    other = replace(model, tensors=model.tensors | {name: np.zeros_like(model.tensors[name])})
    with pytest.raises(Differs) as raised:
        agrees(Budget(quick=True), speaker(other), model, certificate(model))
    found = raised.value.found.counterexample
    assert set(found) == {"text", "says", "should"} and found["says"] != found["should"]


NAMES = ("config", "generation_config", "tokenizer", "tokenizer_config", "witness")


@pytest.mark.parametrize("name", NAMES)
def test_another_field_is_noticed(name, folder, tmp_path):
    file = f"{name}.json"
    copy, made = copied(folder, tmp_path / "copy"), read(folder)
    said = json.loads((folder / file).read_text())
    for key in said:
        (copy / file).write_text(json.dumps(said | {key: "another"}))
        found = as_written(str(copy), made).run(Budget())
        assert found.passed is False and file in str(found.counterexample), key
    (copy / file).write_text(json.dumps(said | {"more": 1}))
    assert as_written(str(copy), made).run(Budget()).passed is False


@pytest.mark.parametrize(
    ("name", "content"),
    [("special_tokens_map.json", '{"unk_token": "@1"}'), ("chat_template.jinja", "=7")],
)
def test_a_file_too_many_that_a_loader_reads_is_noticed(name, content, folder, tmp_path):
    copy, made = copied(folder, tmp_path / "copy"), read(folder)
    (copy / "notes.md").write_text("of its owner")
    assert as_written(str(copy), made).run(Budget()).passed
    (copy / name).write_text(content)
    found = as_written(str(copy), made).run(Budget())
    assert found.passed is False and found.counterexample == {"file": name}


# -- the command ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "temperature=10"], "temperature is of the looped transformer"),
        (["--set", "d=9"], "d is from 1 to 8 bits, not 9"),
        (["--set", "address=8"], "address is from 2 to 7 bits, not 8"),
        (["--set", "words=8"], "no parameter 'words'"),
        (["--n", "8"], "--n is not for subleq in GPT-2, which reads a text"),
        (["--x", "2"], "--x is not for subleq in GPT-2"),
        (["--numbers", "float32"], "--numbers is not for --to gpt2"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(arguments, said, tmp_path, capsys):
    assert main(["export", "subleq", "--to", "gpt2", "-o", str(tmp_path / "out"), *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_export_is_refused(folder, tmp_path, capsys):
    copy = copied(folder, tmp_path / "copy")
    said = json.loads((copy / "witness.json").read_text())
    for given in ({"d": 99, "address": 4}, {"d": 5}, [], {"d": "5", "address": 4}):
        (copy / "witness.json").write_text(json.dumps(said | {"parameters": given}))
        assert main(["check", str(copy)]) == 2
        error = capsys.readouterr().err
        assert "is not what an export writes" in error and error.count("\n") == 1
    (copy / "witness.json").write_text(json.dumps(said))
    (copy / "tokenizer.json").unlink()
    assert main(["check", str(copy)]) == 2
    assert "has no tokenizer.json" in capsys.readouterr().err


@pytest.mark.parametrize(("word", "address"), [(1, 2), (1, 7), (8, 2)])
def test_exports_of_the_extreme_sizes_are_written(word, address):
    made = export(word, address)
    assert made.certificate.margin > 1.9 and len(made.files()) == 7
    said = written(example(word, address).run(1000)).split()
    assert set(said) <= {subleq.text(token) for token in made.checkpoint.tokens}
    assert said[-1] == subleq.text(subleq.END)
