"""Anything that predicts, and its hidden states, as functions of batches in float64.

    model(witness), model(torch_module), model(function)      # of (X, y, queries)
    joint(net)          # of tokens (x_j, y_j), …, (x_query, 0)
    interleaved(net)    # causal, of tokens x_1, y_1, x_2, y_2, …, x_query

A module runs in its own format and on its own device, in evaluation mode, and without gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from inspect import isroutine
from typing import Any

import numpy as np

from .data import Batch

# X (B, n, d), y (B, n), queries (B, m, d) -> (B, m)
Predict = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
# the same -> states (B, layers + 1, tokens, width), after the embedding and after every layer
Hidden = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
ReadOut = Callable[[np.ndarray], np.ndarray]  # states (B, width) at query tokens -> (B,)
GROWTH, TRIES = 100.0, 60  # of random weights: see Model.with_random_weights


class NoModelError(ValueError):
    """What was given as a model does not predict, or its hidden states are none."""


class FailsError(NoModelError):
    """A model raises an error on prompts of the shapes that are said."""


@dataclass(frozen=True)
class Model:
    """What predicts; called as `predict` is.

    hidden, read_out: None where they are not known. query_tokens: (n, m) -> the numbers of the
    tokens that carry the queries; without it they are the last m. weights: the torch module whose
    weights these are, and what makes a model of such a module.
    """

    predict: Predict
    hidden: Hidden | None = None
    read_out: ReadOut | None = None
    query_tokens: Callable[[int, int], Sequence[int]] | None = None
    weights: tuple[Any, Callable[[Any], Model]] | None = None

    def __call__(self, X: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
        return self.predict(X, y, queries)

    def query_token(self, n: int, tokens: int) -> int:
        """The number of the token that carries the query, of a prompt with one."""
        if self.query_tokens is None:
            return tokens - 1
        found = [int(at) for at in self.query_tokens(n, 1)]
        if len(found) != 1 or not 0 <= found[0] < tokens:
            raise NoModelError(
                f"query_tokens({n}, 1) gives {found}, not the number of one of {tokens} tokens"
            )
        return found[0]

    def with_random_weights(self, prompts: Batch, seed: int = 0) -> Iterator[Model]:
        """Models of the same shape that have learned nothing; none where no weights are known.

        Each parameter is drawn from the normal distribution with the mean and the standard
        deviation of its entries. Deviations are halved, all alike, from one model to the next;
        those whose states, with these prompts, grow more than GROWTH times beyond the embedding's
        are left out.
        """
        if self.weights is None or self.hidden is None:
            return
        module, as_model = self.weights
        for halvings in range(TRIES):
            drawn = as_model(_drawn_again(module, seed, 0.5**halvings))
            assert drawn.hidden is not None
            try:
                sizes = np.abs(drawn.hidden(*prompts)).mean(axis=(0, 2, 3))
            except NoModelError:  # not finite
                continue
            if sizes.max() <= GROWTH * sizes[0]:
                yield drawn


def model(
    given: Any,
    hidden: Any = None,
    *,
    read_out: Any = None,
    query_tokens: Callable[[int, int], Sequence[int]] | None = None,
) -> Model:
    """A witness, a torch module or a function of (X, y, queries), as a function of batches.

    It is called with a batch, X (B, n, d); if it does not answer with (B, m), with one prompt after
    the other, X (n, d). A function gets numpy arrays, a module tensors in its own format. `hidden`
    is a function of the same arguments that answers with states (B, layers + 1, tokens, width),
    without B for one prompt, or with a list of these along the layers; `read_out` gives a number
    for every state (B, width) of a query token. What is not given is taken from methods of these
    names, where `given` has them. Raises NoModelError where an answer has another shape, or numbers
    that are not finite.
    """
    if isinstance(given, Model):
        if hidden is read_out is query_tokens is None:
            return given
        given = given.predict
    if hasattr(given, "layer_list"):
        # a witness: its dense module, quicker for a batch, and asked on whichever prompts tell
        given = replace(given, inputs=None, outputs=None).to_torch()
    if not callable(given):
        raise NoModelError(f"{type(given).__name__} is no model: it takes no (X, y, queries)")
    within = _Module(given) if _is_module(given) else _as_arrays
    # states that are given by hand are not those of weights that are drawn again
    own = _is_module(given) and hidden is None
    hidden = _method(given, "hidden") if hidden is None else hidden
    read_out = _method(given, "read_out", parts=True) if read_out is None else read_out
    query_tokens = _method(given, "query_tokens") if query_tokens is None else query_tokens
    for name, one in (("hidden", hidden), ("read_out", read_out), ("query_tokens", query_tokens)):
        if one is not None and not callable(one):
            raise NoModelError(f"{name} is a {type(one).__name__}, not a function")
    return Model(
        _checked(within(given), PREDICTIONS),
        None if hidden is None else _checked(within(hidden), STATES),
        None if read_out is None else _reads(within(read_out)),
        query_tokens,
        (given, model) if own else None,
    )


def joint(net: Any, hidden: Any = None, *, read_out: Any = None) -> Model:
    """A net on tokens (B, n + 1, d + 1), (x_j, y_j) of each example and (x, 0) of one query.

    It answers with a prediction at the query, (B,) or (B, 1), or at every token, (B, n + 1), of
    which the last is taken; a last axis of 1 may follow. Queries of one prompt are given one by
    one, so that none sees another. `hidden` (or a method of the net of that name) takes tokens.
    """

    def tokens(X: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
        asked = np.concatenate([queries, np.zeros((*queries.shape[:-1], 1))], axis=-1)
        return np.concatenate([np.concatenate([X, y[..., None]], axis=-1), asked], axis=1)

    return _of_tokens(net, tokens, hidden, read_out, joint)


def interleaved(
    net: Any,
    hidden: Any = None,
    *,
    read_out: Any = None,
    x_token: Callable[[np.ndarray], np.ndarray] | None = None,
    y_token: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Model:
    """A causal net on tokens x_1, y_1, …, x_n, y_n, x: (B, 2n + 1, d).

    A token of y is (y, 0, …, 0), as in garg2022, and one of x is x; another form is said by
    x_token, of (B, k, d), and y_token, of (B, n), to (B, …, width). The net answers with a
    prediction at the query, (B,) or (B, 1), at all tokens of x, (B, n + 1), or at every token, of
    which the last is taken; a last axis of 1 may follow. Queries are given one by one. `hidden` (or
    a method of the net of that name) takes tokens.
    """

    def tokens(X: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
        xs = np.concatenate([X, queries], axis=1)
        xs = xs if x_token is None else np.asarray(x_token(xs), float)
        if y_token is not None:
            ys = np.asarray(y_token(y), float)
        else:
            ys = np.concatenate([y[..., None], np.zeros((*y.shape, xs.shape[-1] - 1))], axis=-1)
        B, n, width = len(X), X.shape[1], xs.shape[-1]
        if xs.shape != (B, n + 1, width) or ys.shape != (B, n, width):
            raise NoModelError(
                f"tokens of x have shape {xs.shape} and of y {ys.shape}, not ({B}, {n + 1}, width) "
                f"and ({B}, {n}, width)"
            )
        made = np.empty((B, 2 * n + 1, width))
        made[:, ::2], made[:, 1::2] = xs, ys
        return made

    def as_model(again: Any) -> Model:
        return interleaved(again, hidden, read_out=read_out, x_token=x_token, y_token=y_token)

    return _of_tokens(net, tokens, hidden, read_out, as_model)


def _of_tokens(
    net: Any,
    tokens: Callable[..., np.ndarray],
    hidden: Any,
    read_out: Any,
    as_model: Callable[[Any], Model],
) -> Model:
    if not callable(net):
        raise NoModelError(f"{type(net).__name__} is no model: it takes no tokens")
    within = _Module(net) if _is_module(net) else _as_arrays
    own = _is_module(net) and hidden is None
    hidden = _method(net, "hidden") if hidden is None else hidden
    read_out = _method(net, "read_out", parts=True) if read_out is None else read_out
    call = within(net)

    def predict(X: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
        B, m, d = queries.shape
        each = np.repeat(X, m, axis=0), np.repeat(y, m, axis=0), queries.reshape(B * m, 1, d)
        sequence = _said(tokens, "a form of tokens", *each)
        made = _said(call, "the net", sequence)
        made = made[..., 0] if made.ndim == 3 and made.shape[-1] == 1 else made
        places = {1, X.shape[1] + 1, sequence.shape[1]}
        if made.shape[:1] != (B * m,) or made.ndim > 2 or made.shape[1:] not in {
            (), *((k,) for k in places),
        }:  # fmt: skip
            raise NoModelError(
                f"the net answers {made.shape} to tokens {sequence.shape}, not "
                f"{sequence.shape[:2]}, a prediction at every token, or {(B * m,)}, at the query"
            )
        return made.reshape(B * m, -1)[:, -1].reshape(B, m)

    def states(X: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
        if queries.shape[1] != 1:
            raise NoModelError(
                "hidden states of a net on tokens are those of one query: give queries "
                f"({len(X)}, 1, {X.shape[-1]}), not {queries.shape}"
            )
        return _said(within(hidden), "hidden", _said(tokens, "a form of tokens", X, y, queries))

    return Model(
        _checked(predict, PREDICTIONS, alone=False),
        None if hidden is None else _checked(states, STATES, alone=False),
        None if read_out is None else _reads(within(read_out)),
        None,
        (net, as_model) if own else None,
    )


# -- what is called, and what it answers --------------------------------------------------------


def _is_module(given: Any) -> bool:
    return hasattr(given, "state_dict") and hasattr(given, "parameters")


def _method(given: Any, name: str, parts: bool = False) -> Any:
    """The method of that name; None where that is a number or, unless `parts`, a submodule."""
    found = getattr(given, name, None)
    return found if isroutine(found) or (parts and _is_module(found)) else None


def _as_arrays(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """Calls it with copies, since it may write into what it is given."""
    return lambda *arrays: _numbers(function(*(a.copy() for a in arrays)))


@dataclass(frozen=True)
class _Module:
    """Calls functions of a torch module with tensors in its format, and gives arrays back."""

    module: Any

    def __call__(self, function: Callable[..., Any]) -> Callable[..., np.ndarray]:
        import torch

        def call(*arrays: np.ndarray) -> np.ndarray:
            kept = [*self.module.parameters(), *self.module.buffers()]
            like = next((k for k in kept if k.is_floating_point()), torch.zeros(0).double())
            # copies, since a module may write into what it is given
            tensors = [torch.tensor(a, dtype=like.dtype, device=like.device) for a in arrays]
            with torch.no_grad(), _evaluating(self.module):
                return _numbers(function(*tensors))

        return call


@contextmanager
def _evaluating(module: Any) -> Iterator[None]:
    """Without dropout; every part's mode is put back."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def _numbers(answer: Any) -> np.ndarray:
    """Arrays, tensors, or a list of them along the layers, (…, tokens, width), as one array."""
    if isinstance(answer, (list, tuple)) and answer and all(np.ndim(a) >= 2 for a in answer):
        parts = [_numbers(part) for part in answer]
        shapes = {part.shape for part in parts}
        if len(shapes) > 1:
            raise NoModelError(f"the layers' states differ in shape: {sorted(shapes)}")
        return np.stack(parts, axis=-3)
    if hasattr(answer, "detach"):
        answer = answer.detach().cpu().double().numpy()
    what = type(answer).__name__
    try:
        made = np.asarray(answer)
        if made.dtype.kind == "c":
            raise NoModelError(
                f"the model answers with {what} of complex numbers, not of real ones"
            )
        if made.dtype.kind in "US":  # text that looks like a number is none
            raise TypeError(made.dtype)
        return made.astype(float)
    except NoModelError:
        raise
    except (TypeError, ValueError):
        raise NoModelError(f"the model answers with {what}, not with numbers") from None


@dataclass(frozen=True)
class _Answer:
    """What an answer to one prompt looks like.

    right: its shape in words, without brackets, for a number of queries; fits: whether one has it.
    """

    what: str
    right: Callable[[int], str]
    fits: Callable[[tuple[int, ...], int], bool]

    def refuse(self, shape: tuple[int, ...], to: str, right: str) -> NoModelError:
        return NoModelError(f"the model's {self.what} have shape {shape} for {to}, not {right}")


PREDICTIONS = _Answer("predictions", str, lambda shape, m: shape == (m,))
STATES = _Answer(
    "hidden states",
    lambda m: "layers + 1, tokens, width",
    lambda shape, m: len(shape) == 3 and shape[0] >= 2 and shape[1] >= m and shape[2] >= 1,
)


def _checked(
    call: Callable[..., np.ndarray], answer: _Answer, alone: bool = True
) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """The function of batches; where it takes none, and `alone`, of one prompt after the other.

    What it answers has the right shape and is finite.
    """
    one_by_one = False

    def of_batch(*prompts: np.ndarray) -> np.ndarray:
        nonlocal one_by_one
        made, failed = None, None
        if not one_by_one:
            try:
                made = _said(call, "the model", *prompts) if alone else call(*prompts)
            except FailsError as error:  # as from a model that takes one prompt at a time
                if not alone:
                    raise
                failed = error
        B, m = prompts[2].shape[:2]
        if made is not None and made.shape[:1] == (B,) and answer.fits(made.shape[1:], m):
            return made
        to, right = f"{B} prompts of {m} queries", f"({B}, {answer.right(m)})"
        if made is not None and not alone:
            raise answer.refuse(made.shape, to, right)
        try:
            each = [of_one(*one) for one in zip(*prompts, strict=True)]
        except NoModelError as error:
            if failed is not None:
                raise FailsError(_both(str(failed), str(error))) from error
            if made is None:
                raise
            raise answer.refuse(made.shape, to, f"{right}; {error}") from error
        one_by_one = True
        return np.array(each)

    def of_one(*prompt: np.ndarray) -> np.ndarray:
        made, m = _said(call, "the model", *prompt), len(prompt[2])
        if not answer.fits(made.shape, m):
            right = answer.right(m)
            right = f"({right})" if "," in right else f"({right},)"
            raise answer.refuse(made.shape, f"a prompt of {m} queries", right)
        return made

    def answers(X: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
        made = of_batch(X, y, queries)
        if not np.isfinite(made).all():
            raise NoModelError(f"the model answers with {answer.what} that are not finite")
        return made

    return answers


NUMPY = "; arrays are numpy's here, and torch.as_tensor takes them"


def _both(of_batch: str, of_one: str) -> str:
    """What a model says of a batch, and of one prompt unless it says the same."""
    same = of_batch.partition("): ")[2] == of_one.partition("): ")[2]
    said = of_batch if same else f"{of_batch}; and one prompt at a time: {of_one}"
    return said + NUMPY * ("numpy" in said)


def _said(call: Callable[..., np.ndarray], who: str, *arrays: np.ndarray) -> np.ndarray:
    """What it answers. Raises NoModelError, in a line, where it fails."""
    try:
        return call(*arrays)
    except NoModelError:
        raise
    except (Exception, SystemExit) as error:  # a script's function may end the process
        names = ("tokens",) if len(arrays) == 1 else ("X", "y", "queries")
        shapes = ", ".join(f"{name} {a.shape}" for name, a in zip(names, arrays, strict=True))
        message = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(": ")
        raise FailsError(f"{who} fails on {shapes}: {message}") from error


def _reads(call: Callable[..., np.ndarray]) -> ReadOut:
    def read(states: np.ndarray) -> np.ndarray:
        made = call(states)
        made = made[..., 0] if made.shape == (len(states), 1) else made
        if made.shape != (len(states),):
            raise NoModelError(
                f"read_out answers {made.shape} to states {states.shape}, not {(len(states),)}"
            )
        if not np.isfinite(made).all():
            raise NoModelError("read_out answers with numbers that are not finite")
        return made

    return read


def _drawn_again(module: Any, seed: int, scale: float) -> Any:
    """A copy of the module with weights drawn at random."""
    from copy import deepcopy

    import torch

    drawn = deepcopy(module)
    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for one in drawn.parameters():
            if one.is_floating_point():
                spread = one.double().std(unbiased=False).item() * scale
                fresh = torch.randn(one.shape, generator=noise, dtype=torch.float64) * spread
                one.copy_(fresh + one.double().mean().item())
    return drawn
