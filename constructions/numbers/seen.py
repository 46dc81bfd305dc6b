"""Which keys each token sees: what a head's keys and its mask leave of its scores."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any


class Seen:
    """Token t sees key j where j <= t + diagonal (all, if that is None) and the table says so.

    `table` has a row of truth values for each token; None for all. Compared by identity: `seen`
    makes equal ones once.
    """

    def __init__(
        self,
        tokens: int,
        keys: int,
        diagonal: int | None,
        table: tuple[tuple[bool, ...], ...] | None,
    ) -> None:
        self.tokens, self.keys, self.diagonal, self.table = tokens, keys, diagonal, table

    def row(self, t: int) -> list[bool]:
        """Whether token t sees each key."""
        before = self.keys if self.diagonal is None else max(0, t + self.diagonal + 1)
        if self.table is None:
            return [j < before for j in range(self.keys)]
        return [j < before and sees for j, sees in enumerate(self.table[t])]

    @cached_property
    def rows(self) -> tuple[tuple[bool, ...], ...]:
        return tuple(tuple(self.row(t)) for t in range(self.tokens))

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """How many keys each token sees."""
        if self.table is None and self.diagonal is not None:
            return tuple(min(self.keys, max(0, t + self.diagonal + 1)) for t in range(self.tokens))
        return tuple(map(sum, self.rows))

    def kept(self, t: int, row: list[Any], zero: Any) -> list[Any]:
        """The entries of row t, `zero` where a key is not seen."""
        if self.table is None:
            return row[: self.counts[t]] + [zero] * (self.keys - self.counts[t])
        return [entry if sees else zero for entry, sees in zip(row, self.rows[t], strict=True)]

    @property
    def blind(self) -> int | None:
        """The first token that sees no key."""
        return next((t for t, count in enumerate(self.counts) if not count), None)

    @cached_property
    def whole_rows(self) -> list[int] | None:
        """The tokens that see all keys, if every other one sees none; None otherwise."""
        if all(count in (0, self.keys) for count in self.counts):
            return [t for t, count in enumerate(self.counts) if count]
        return None

    @cached_property
    def columns(self) -> range:
        """The least range of keys outside of which no token sees any."""
        found = [j for j, column in enumerate(zip(*self.rows)) if any(column)]
        return range(found[0], found[-1] + 1) if found else range(0)

    @cached_property
    def _tensors(self) -> dict[Any, Any]:
        return {}

    def hidden(self, device: Any) -> Any:
        """A torch tensor (tokens, keys) that is True where a key is not seen."""
        if device not in self._tensors:
            import torch

            with torch.inference_mode(False):  # it is kept, also for runs with gradients
                if self.table is None:
                    assert self.diagonal is not None
                    made = torch.ones(self.tokens, self.keys, dtype=torch.bool, device=device)
                    made = made.triu(self.diagonal + 1)
                else:
                    made = ~torch.tensor(self.rows, dtype=torch.bool, device=device)
            self._tensors[device] = made
        return self._tensors[device]


@lru_cache(maxsize=64)
def seen(
    tokens: int, keys: int, diagonal: int | None, table: tuple[tuple[bool, ...], ...] | None
) -> Seen | None:
    """What `Seen` says; None where every token sees every key."""
    if diagonal is None and (table is None or all(map(all, table))):
        return None
    return Seen(tokens, keys, diagonal, table)
