"""Trained weights become an algorithm: no gauge, nothing dead, simple numbers, and two claims."""

from __future__ import annotations

import ast
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

import constructions
import verify
from constructions import layers_from
from verify import Box, Budget, engine
from verify.claim import load_file
from verify.command.cli import main
from verify.learners.fingerprint import asked
from verify.learners.judging import apart
from verify.learners.snap.choose import NoAlgorithmError, choose, snap
from verify.learners.snap.claim_file import text
from verify.learners.snap.reach import reaching
from verify.learners.snap.read import NoWeightsError, Reading, read
from verify.learners.snap.simplest import simplest

TENTH = Fraction(1, 10)
RATES = {1: ([Fraction(5, 7)], []), 2: ([Fraction(3, 5), Fraction(9, 10)], [Fraction(1, 5)])}


def ideal(d, layers):
    """P and Q (d + 1, d + 1) of each layer: gradient descent, or GD++ in two layers."""
    etas, gammas = RATES[layers]
    made = []
    for eta, gamma in zip(etas, [*gammas, 0]):
        made.append((np.diag([float(gamma)] * d + [float(eta)]), np.diag([-1.0] * d + [0.0])))
    return made


def noisy(d, layers, size=0.004, seed=0):
    rng = np.random.default_rng(seed)
    return [
        tuple(matrix + size * rng.standard_normal(matrix.shape) for matrix in layer)
        for layer in ideal(d, layers)
    ]


def saved(layers, path, **metadata):
    """A file of {"P": …, "Q": …} of each layer, or of each head of it."""
    tensors = {}
    for number, layer in enumerate(layers):
        heads = layer if isinstance(layer, list) else [layer]
        for h, head in enumerate(heads):
            named = head if isinstance(head, dict) else dict(zip("PQ", head))
            for name, matrix in named.items():
                at = torch.tensor(np.ascontiguousarray(matrix))
                tensors[f"layers.{number}.heads.{h}.{name}"] = at
    save_file(tensors, path, metadata=metadata or None)
    return path


def of(path, n=6, **words):
    return read(path, Reading(n=n, **words))


def box_of(trained, size=1):
    return Box(trained.d, trained.n, size, size, size)


# -- numbers ----------------------------------------------------------------------------------


@given(st.fractions(max_denominator=60), st.fractions(0, 2, max_denominator=60))
def test_the_simplest_fraction_of_an_interval_has_the_least_denominator(low, width):
    high = low + width
    found = simplest(low, high)
    assert low <= found <= high
    for denominator in range(1, found.denominator):
        assert -(-low * denominator // 1) > high * denominator  # no multiple lies between


# -- the gauge --------------------------------------------------------------------------------


def unimodular(draw, size):
    """A whole matrix with a whole inverse, and that."""
    made, inverse = np.eye(size), np.eye(size)
    for _ in range(draw(st.integers(0, 3))):
        a, b = draw(st.integers(0, size - 1)), draw(st.integers(0, size - 1))
        by = draw(st.integers(-2, 2))
        if a != b:
            step, back = np.eye(size), np.eye(size)
            step[a, b], back[a, b] = by, -by
            made, inverse = step @ made, inverse @ back
    return made, inverse


def vector(draw, size):
    return np.array([[float(draw(st.integers(-3, 3)))] for _ in range(size)])


@st.composite
def gauges(draw):
    """(layers, the same in another gauge): all entries are short binary fractions, so that
    nothing is rounded on the way."""
    d, depth = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    seed = draw(st.integers(0, 99))
    layers = [
        tuple(np.round(matrix * 256) / 256 for matrix in layer)
        for layer in noisy(d, depth, 0.02, seed)
    ]
    size, made = d + 1, []
    for number, (P, Q) in enumerate(layers):
        P, Q = P.copy(), Q.copy()
        if number == depth - 1:  # rows that nobody reads
            P[:d] = np.random.default_rng(seed).integers(-9, 9, (d, size))
        if depth == 1:  # what meets the query's y, which is 0
            Q[:, d] = vector(draw, size)[:, 0]
        scale = draw(st.sampled_from((-4.0, -1.0, 0.5, 2.0)))
        keys, keys_back = unimodular(draw, size)
        values, values_back = unimodular(draw, size)
        heads = [
            {
                "W_O": values_back * scale,
                "W_V": values @ P / 2,
                "W_Q": keys @ Q / scale,
                "W_K": keys_back.T,
            },
            {"P": P / 2, "Q": Q},
        ]
        u, v, w, s = (vector(draw, size) for _ in range(4))  # two heads that cancel
        heads += [{"P": u @ v.T, "Q": w @ s.T}, {"P": u @ w.T, "Q": -v @ s.T}]
        made.append(draw(st.permutations(heads)))
    return layers, made


@settings(max_examples=20)
@given(gauges())
def test_weights_in_another_gauge_are_the_same_polynomial_and_algorithm(tmp_path_factory, drawn):
    folder = tmp_path_factory.mktemp("gauge")
    plain, turned = (of(saved(layers, folder / f"{k}.safetensors"))
                     for k, layers in enumerate(drawn))  # fmt: skip
    assert str(plain.prediction) == str(turned.prediction)
    chosen = [choose(one, box_of(one), Fraction(1, 2)).found for one in (plain, turned)]
    assert chosen[0].groups == chosen[1].groups and chosen[0].kind == chosen[1].kind


def test_the_claim_is_the_same_in_every_layout_of_the_file(tmp_path):
    d, weights = 2, tmp_path / "weights.safetensors"
    ((P, Q),) = noisy(d, 1)
    eye = np.eye(d + 1)
    layouts = [
        {"layers.0.P": P, "layers.0.Q": Q},
        {"block.P.weight": 2 * P, "block.Q.weight": Q / 2},
        {"W_O": eye, "W_V": P, "W_Q": Q, "W_K": eye},
        {"layers.0.heads.0.query": Q, "layers.0.heads.0.key": eye, "layers.0.heads.0.value": P},
        {"in_proj_weight": np.concatenate([Q, eye, P]), "out_proj.weight": eye},
    ]
    texts = set()
    for layout in layouts:
        save_file({name: torch.tensor(one) for name, one in layout.items()}, weights)
        torchs = {"scale": "1"} if "in_proj_weight" in layout else {}
        found = snap(of(weights, **torchs), Box(d, 6), TENTH)
        made = text(found, tmp_path / "claim.py")
        texts.add(made.replace(', scale="1"', "").replace(', attention="linear"', ""))
    assert len(texts) == 1


def test_what_reaches_no_prediction_is_dropped_without_a_tolerance(tmp_path):
    d, rng = 2, np.random.default_rng(0)
    ((P, Q),) = ideal(d, 1)
    full = rng.standard_normal((2, d + 3, d + 3))  # two more rows, which begin as 0
    full[0][d, : d + 1], full[1][: d + 1, : d + 1] = P[d], Q
    full[1][:, d] = rng.standard_normal(d + 3)
    junk = of(saved([tuple(full)], tmp_path / "junk.safetensors"), d=d)
    plain = of(saved(ideal(d, 1), tmp_path / "plain.safetensors"))
    assert str(junk.prediction) == str(plain.prediction)
    reach = reaching(junk.layers, d)
    assert all(i == d and k < d and max(a, b) <= d for i, k, a, b in reach[0])
    assert len(reach[0]) < len(junk.layers[0]) / 10


# -- the algorithm ----------------------------------------------------------------------------


@pytest.mark.parametrize("read_as", [-1, 1])
@pytest.mark.parametrize("factor", ["1/n", "1", "1/8"])
def test_one_step_is_found_whatever_the_factor_and_the_sign(tmp_path, factor, read_as):
    ((P, Q),) = ideal(3, 1)
    trained = of(
        saved([(P, -read_as * Q)], tmp_path / "w.safetensors"), factor=factor, read=read_as
    )
    found = choose(trained, box_of(trained), TENTH).found
    by = Fraction(1, 8) if factor == "1/8" else 1
    assert found.kind.name == "gradient_descent" and found.groups == ((by * Fraction(5, 7),),)


@pytest.mark.parametrize(
    ("layers", "kind", "groups"),
    [
        (noisy(3, 1), "gradient_descent", ((Fraction(5, 7),),)),
        (ideal(3, 2), "gd_plus_plus", ((Fraction(3, 5),), (Fraction(9, 10),), (Fraction(1, 5),))),
        ([(np.diag([0.0, 0, eta]), np.diag([-1.0, -1, 0])) for eta in (1, 0.125)],
         "gradient_descent", ((Fraction(1),), (Fraction(1, 8),))),
        ([(np.diag([0.0, 0, 0.5]), np.diag([-1.0, -1, 0]))] * 2,
         "gradient_descent", ((Fraction(1, 2),),)),
        ([(np.diag([0.0, 0, 1]), -np.array([[0.5, 0.25, 0], [0, 1, 0], [0, 0, 0]]))],
         "preconditioned", ((Fraction(1, 2), 0, Fraction(1, 4), 1),)),
    ],
)  # fmt: skip
def test_the_algorithm_is_found(tmp_path, layers, kind, groups):
    trained = of(saved(layers, tmp_path / "w.safetensors"))
    found = choose(trained, box_of(trained), TENTH).found
    assert (found.kind.name, found.groups) == (kind, groups)


@pytest.mark.parametrize("depth", [1, 2])
def test_the_snapped_layers_predict_what_the_construction_of_that_name_does(tmp_path, depth):
    d, n = 2, 3
    X, y, query = (
        np.array([[1, 2], [3, -5], [0, 1]]), np.array([1, -2, 4]), np.array([[1, 1], [2, 0]])
    )  # fmt: skip
    _, claim = written(ideal(d, depth), tmp_path)
    etas, gammas = ([rate / n for rate in rates] for rates in RATES[depth])
    if depth == 1:  # its loss "sum" has no 1/2
        known = {"step_size": etas[0] / 2}
    else:
        known = {"step_size": tuple(etas), "gamma": (*gammas, Fraction(0))}
    name = {1: "gradient_descent", 2: "gd_plus_plus"}[depth]
    construction = constructions.build(name, d=d, steps=depth, **known)
    snapped = load_file(claim)[0].witness(d=d)
    assert name in claim.read_text()
    both = [one.predict(X, y, query, "rational").tolist() for one in (snapped, construction)]
    assert both[0] == both[1]


@pytest.mark.parametrize("depth", [1, 2])
def test_random_matrices_are_matched_to_nothing(tmp_path, depth, capsys):
    rng = np.random.default_rng(depth)
    weights = saved([tuple(rng.standard_normal((2, 4, 4))) for _ in range(depth)],
                    tmp_path / "random.safetensors")  # fmt: skip
    with pytest.raises(NoAlgorithmError, match="nearest is"):
        choose(of(weights), Box(3, 6), TENTH)
    claim = tmp_path / "claim.py"
    assert main(["snap", str(weights), "-o", str(claim), "--n", "6"]) == 1
    assert not claim.exists()
    assert "nothing is written" in capsys.readouterr().err


# -- the claims -------------------------------------------------------------------------------


def written(layers, folder, n=6, **words):
    """The claim file of layers, and its claims by the last word of their ids."""
    trained = of(saved(layers, folder / "weights.safetensors"), n=n, **words)
    found = snap(trained, box_of(trained), TENTH)
    claim = folder / "snapped.py"
    claim.write_text(text(found, claim))
    return found, claim


def verdicts(claim):
    return {c.id.split(".")[-1]: verify.check(c, quick=True).verdict for c in load_file(claim)}


@pytest.mark.parametrize(
    ("layers", "n"),
    [
        (noisy(3, 1), 10),
        (noisy(2, 2, 0.002), 5),
        ([(np.diag([0.01, 0, 1]), -np.array([[0.5, 0.25, 0], [0, 1, 0], [0, 0.001, 0]]))], 4),
    ],
    ids=["one layer", "two layers", "preconditioned"],
)
def test_the_claims_of_the_file_hold(tmp_path, layers, n):
    found, claim = written(layers, tmp_path, n)
    known = verdicts(claim)
    assert isinstance(known["algorithm"], verify.Holds)
    assert "derived" in known["algorithm"].strengths
    near = known["trained"]
    assert isinstance(near, verify.Approximates) and near.strength == "enclosed"
    assert f"n = {n}" in near.box
    assert max(c.found for c in found.certificates) <= near.bound <= found.bound
    assert len(claim.read_text().splitlines()) <= 50
    assert max(map(len, claim.read_text().splitlines())) <= 100


def test_weights_that_are_an_algorithm_are_claimed_to_be_it(tmp_path):
    layers = [(np.diag([0.0, 0, 0.5]), np.diag([-1.0, -1, 0]))]
    found, claim = written(layers, tmp_path)
    assert found.exact
    assert all(isinstance(one, verify.Holds) for one in verdicts(claim).values())


def numbers_of_layers(code):
    """The places of the whole numbers in `layers = […]` and `P, Q = …`, and of the read-out's."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List | ast.Tuple):
            inside = ast.walk(node.value)
        elif isinstance(node, ast.keyword) and node.arg == "read":
            inside = ast.walk(node.value)
        else:
            continue
        for inner in inside:
            if isinstance(inner, ast.Constant) and type(inner.value) is int:
                yield inner.lineno, inner.col_offset, inner.end_col_offset, inner.value


def changed_numbers(claim):
    """The first claim of the file with each number of the snapped layers changed, by its line."""
    code = claim.read_text().splitlines()
    until = next(i for i, line in enumerate(code) if "def trained" in line)
    for line, start, end, value in numbers_of_layers("\n".join(code)):
        if line <= until:
            row = code[line - 1]
            changed = f"{row[:start]}{value + 1}{row[end:]}"
            claim.write_text("\n".join([*code[: line - 1], changed, *code[line:]]))
            yield load_file(claim)[0], changed


def test_each_number_of_a_snapped_layer_that_is_changed_is_refuted(tmp_path):
    _, claim = written(ideal(1, 1), tmp_path)
    found = [engine.run(one, Budget(cases=8)).verdict for one, _ in changed_numbers(claim)]
    assert len(found) == 4 and all(isinstance(verdict, verify.Refuted) for verdict in found)


def test_each_number_of_two_snapped_layers_counts_but_for_what_nobody_reads(tmp_path):
    _, claim = written(ideal(2, 2), tmp_path)
    X, y, query = np.array([[1, 2], [3, 5]]), np.array([1, -2]), np.array([[1, 1]])
    same = [
        changed
        for one, changed in changed_numbers(claim)
        if one.witness(d=2).predict(X, y, query, "rational")
        == one.algorithm(*(part * Fraction(1) for part in (X, y, query)))
    ]
    assert len(same) == 1 and same[0].endswith("Fraction(9, 10), 1)]")  # the last layer's gamma


def test_each_weight_of_the_file_that_is_changed_is_refuted_if_it_is_alive(tmp_path):
    d = 2
    layers = noisy(d, 1)
    _, claim = written(layers, tmp_path)
    for which, (i, j) in [(m, at) for m in (0, 1) for at in np.ndindex(d + 1, d + 1)]:
        changed = [matrix.copy() for matrix in layers[0]]
        changed[which][i, j] += 0.5
        saved([tuple(changed)], tmp_path / "weights.safetensors")
        alive = i == d if which == 0 else j < d  # the row of P that is read; x of the query
        verdict = verify.check(load_file(claim)[1], quick=True).verdict
        assert isinstance(verdict, verify.Refuted if alive else verify.Approximates), (which, i, j)


def test_a_changed_weight_snaps_to_another_algorithm(tmp_path):
    layers = noisy(2, 1)
    _, claim = written(layers, tmp_path)
    layers[0][0][2, 2] *= 2
    assert claim.read_text() != written(layers, tmp_path)[1].read_text()


# -- the command ------------------------------------------------------------------------------


def test_the_command_reads_what_the_file_says_and_writes_what_holds(tmp_path, capsys):
    settings_ = '{"d": 2, "n": 7}'
    read_as = '{"layers": {"M": "examples", "factor": "1/n"}, "read": {"y": -1}}'
    weights = saved(noisy(2, 1), tmp_path / "w.safetensors", settings=settings_, read_as=read_as)
    claim = tmp_path / "claim.py"
    assert main(["snap", str(weights), "-o", str(claim)]) == 0
    out = capsys.readouterr().out
    assert "n = 7" in out and "rate 5/7" in out and "(tested)" in out and "(enclosed)" in out
    # of the mean, and as `witness measure` has it
    assert "a step is w - rate X^T (X w - y)/n" in out and "the rate is 5/49" in out
    assert main(["check", str(claim), "--quick"]) == 0


def test_the_error_is_that_of_the_fingerprint_on_its_prompts(tmp_path):
    weights = saved(ideal(2, 1), tmp_path / "w.safetensors")
    trained = of(weights)
    found = snap(trained, Box(2, trained.n, 1, 1, 1), Fraction(1, 10))
    assert found.measured()["together"].high < 1e-9
    nearly = of(saved(noisy(2, 1), tmp_path / "n.safetensors"))
    found = snap(nearly, Box(2, nearly.n, 1, 1, 1), Fraction(1, 10))
    off = found.measured()
    assert set(off) == {"drawn spectra", "Gaussian", "condition 100", "together"}
    eta = float(found.stated.layers[0]["eta"]) / nearly.n
    for kind, batch in asked(2, nearly.n).deciding.items():
        step = eta * np.einsum("bmd,bnd,bn->bm", batch.queries, batch.X, batch.y)
        errors = apart(nearly.witness.predict(*batch), step)
        assert off[kind].value == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-6)
        assert off[kind].low <= off[kind].value <= off[kind].high


def test_names_of_ones_own_are_told_and_what_is_no_weight_is_left_out(tmp_path, capsys):
    ((P, Q),) = ideal(2, 1)
    made = {"P.0": torch.tensor(P.T.copy()), "Q.0": torch.tensor(Q), "seen": torch.ones(7)}
    save_file(made, tmp_path / "own.safetensors")
    call = ["snap", str(tmp_path / "own.safetensors"), "-o", str(tmp_path / "c.py"), "--n", "7"]
    assert main(call) == 2
    err = capsys.readouterr().err
    assert "--name" in err and "--ignore" in err and err.count("\n") == 1
    told = ["--name", "P.{l}=P^T", "--name", "Q.{l}=Q", "--ignore", "seen"]
    assert main([*call, *told]) == 0
    assert "18 numbers" in capsys.readouterr().out  # those of P and Q
    assert main(["check", str(tmp_path / "c.py"), "--quick"]) == 0


def test_of_a_negative_rate_the_other_sign_is_asked_about(tmp_path, capsys):
    ((P, Q),) = ideal(2, 1)
    weights, claim = saved([(P, -Q)], tmp_path / "w.safetensors"), str(tmp_path / "c.py")
    call = ["snap", str(weights), "-o", claim, "--n", "6"]
    assert main(call) == 0
    told = capsys.readouterr().out
    assert "rate -5/7" in told and "predict 1 times y, --read 1?" in told
    assert main([*call, "--read", "1"]) == 0
    told = capsys.readouterr().out
    assert "rate 5/7" in told and "a negative rate" not in told


def test_of_a_file_of_torch_it_is_said_how_it_becomes_one_that_is_read(tmp_path, capsys):
    torch.save({"P": torch.ones(3, 3)}, tmp_path / "w.pt")
    call = ["snap", str(tmp_path / "w.pt"), "-o", str(tmp_path / "c.py"), "--n", "4"]
    assert main(call) == 2
    err = capsys.readouterr().err
    assert "is no safetensors file" in err and err.count("\n") == 1
    assert "safetensors.torch.save_file(model.state_dict(), FILE) writes one" in err


def test_a_layer_that_is_trained_here_is_the_step_of_the_best_rate(tmp_path, capsys):
    pytest.importorskip("verify.command.train")
    weights, claim = str(tmp_path / "lsa.safetensors"), str(tmp_path / "lsa.py")
    learner = ["train", "linear_attention", "--d", "2", "--n", "6", "--steps", "600"]
    assert main([*learner, "-o", weights]) == 0
    assert main(["snap", weights, "-o", claim]) == 0
    assert "rate 2/3" in capsys.readouterr().out  # n/(n + d + 1)
    assert main(["check", claim, "--quick"]) == 0


REFUSED = {
    "no file": ({}, "there is no such file"),
    "no safetensors": (b"nothing", "no safetensors file"),
    "softmax": ({"in_proj_weight": (9, 3), "out_proj.weight": (3, 3)}, "scale is needed"),
    "an MLP": (
        {"P": (3, 3), "Q": (3, 3), "W_1": (4, 3), "W_2": (3, 4)}, "an MLP needs activation"
    ),
    "three layers": (
        {f"layers.{k}.{m}": (3, 3) for k in range(3) for m in "PQ"}, "3 layers"
    ),
    "no attention": ({"tok.weight": (3, 3)}, "has no place here"),
    "an own name": ({"W.0": (3, 3)}, "; --name W.0=P (in Python names=) says which matrix one is"),
    "no square": ({"P": (3, 3), "Q": (2, 2)}, "P is 3 x 3"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_without_such_weights_is_refused_in_one_line(tmp_path, what, capsys):
    given_, said = REFUSED[what]
    weights = tmp_path / "w.safetensors"
    if isinstance(given_, bytes):
        weights.write_bytes(given_)
    elif given_:
        save_file({name: torch.ones(shape) for name, shape in given_.items()}, weights)
    assert main(["snap", str(weights), "-o", str(tmp_path / "c.py"), "--n", "4"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and said in err and "w.safetensors" in err
    assert not (tmp_path / "c.py").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--n"),
        (["--n", "0"], "--n must be at least 1"),
        (["--n", "4", "--d", "5"], "too few for d = 5"),
        (["--n", "4", "--name", "P"], "--name is a tensor and its matrix, as P.0=P, not 'P'"),
        (["--n", "4", "--name", "P=X"], "'X' is no matrix"),
        (["--n", "4", "--ignore", "nothing"], "there is no tensor 'nothing'"),
        (["--n", "4", "--read", "2"], "--read is 1 or -1"),
        (["--n", "4", "--box", "-1"], "--box is a number above 0"),
        (["--n", "4", "--tolerance", "x"], "--tolerance is a number above 0"),
        (["--n", "4", "--box", "1e99999999"], "--box is a number above 0"),
        (["--n", "4", "--factor", "1/m"], "factor"),
        (["--n", "4", "-o", "claim.txt"], "is named like my_claim.py"),
    ],
)
def test_a_wrong_call_is_refused_in_one_line(tmp_path, options, said, capsys):
    weights = saved(ideal(2, 1), tmp_path / "w.safetensors")
    assert main(["snap", str(weights), "-o", str(tmp_path / "c.py"), *options]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and said in err


def test_a_number_that_is_not_finite_is_refused_by_its_place(tmp_path):
    ((P, Q),) = ideal(2, 1)
    Q[0, 1] = np.nan
    with pytest.raises(NoWeightsError, match=r"Q\[0, 1\]"):
        of(saved([(P, Q)], tmp_path / "w.safetensors"))


def test_the_file_is_read_as_layers_from_reads_it(tmp_path):
    weights = saved(noisy(2, 2), tmp_path / "w.safetensors")
    assert len(layers_from(Path(weights))) == len(of(weights).layers) == 2
