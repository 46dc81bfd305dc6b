"""Weight matrices as short sums of blocks `destination <- coefficient * source`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from math import prod

from proofs.exact import Exact, exact
from proofs.stream import Layout, Slot

_PATTERN = re.compile(r"[A-Za-z]*<-[A-Za-z]*")


@dataclass(frozen=True)
class Block:
    """`destination <- coefficient * source`, both slots or entries `slot[i]`.

    As it stands the block is c*I between slots of one size. `pattern` replaces I by the 0/1
    matrix of an index pattern: "ij<-j" repeats a vector along the first axis, "i<-ij" sums over
    the second, "ij<-ji" transposes. `matrix` replaces I by explicit rows.
    """

    destination: str
    source: str
    coefficient: Exact = 1
    pattern: str | None = None
    matrix: tuple[tuple[Exact, ...], ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "coefficient", exact(self.coefficient))
        for name in (self.destination, self.source):
            if not isinstance(name, str) or not name:
                raise ValueError(f"a block goes between slots, which have names, not {name!r}")
        if self.matrix is not None:
            rows = tuple(tuple(map(exact, row)) for row in self.matrix)
            object.__setattr__(self, "matrix", rows)
        if self.pattern is not None and self.matrix is not None:
            raise ValueError(f"block {self} has both a pattern and a matrix")
        if self.pattern is not None and not _PATTERN.fullmatch(self.pattern):
            raise ValueError(f"block {self}: a pattern is letters<-letters, not {self.pattern!r}")

    def __str__(self) -> str:
        shape = f" [{self.pattern}]" if self.pattern else " [matrix]" if self.matrix else ""
        return f"{self.destination} <- {self.coefficient} {self.source}{shape}"

    def indices(self) -> tuple[str, str]:
        """The (destination, source) letters of the pattern."""
        assert self.pattern is not None
        left, _, right = self.pattern.partition("<-")
        return left, right

    @property
    def is_diagonal(self) -> bool:
        """Whether the pattern is that of the identity: the same letters, and each only once."""
        left, right = self.indices()
        return left == right and len(set(left)) == len(left)

    def output_shape(self, source: tuple[int, ...], sizes: dict[str, int]) -> tuple[int, ...]:
        """Shape that this block gives a source of shape `source`.

        `sizes` fixes letters that the source does not have (a repeated axis). Raises ValueError
        where one has no size.
        """
        if self.matrix is not None:
            return (len(self.matrix),)
        if self.pattern is None:
            return source
        left, right = self.indices()
        if len(right) != len(source):
            raise ValueError(f"block {self}: the pattern does not fit a source of shape {source}")
        known = dict(sizes) | dict(zip(right, source))
        for letter in left:
            if letter not in known:
                raise ValueError(f"block {self}: nothing says how many values {letter} has")
        return tuple(known[letter] for letter in left)

    def check(self, destination: tuple[int, ...], source: tuple[int, ...]) -> dict[str, int]:
        """The size of every letter of the pattern; none without one.

        Raises ValueError where the shapes do not fit.
        """
        if destination == source and self.pattern is None and self.matrix is None:
            return {}
        rows, columns = prod(destination), prod(source)
        if self.matrix is not None:
            if len(self.matrix) != rows or any(len(row) != columns for row in self.matrix):
                raise ValueError(f"block {self}: the matrix is not {rows} x {columns}")
            return {}
        if self.pattern is None:
            if rows != columns:
                raise ValueError(
                    f"block {self}: {columns} units cannot go to {rows}; a block between slots of "
                    f"other sizes needs a matrix of {rows} rows and {columns} columns"
                )
            return {}
        left, right = self.indices()
        if len(left) != len(destination) and set(left) <= set(right) and len(right) == len(source):
            made = self.output_shape(source, {})  # such as one number for a (1, 1) slot
            destination = made if prod(made) == rows else destination
        if len(left) != len(destination) or len(right) != len(source):
            raise ValueError(f"block {self}: the pattern does not fit {destination}, {source}")
        sizes: dict[str, int] = {}
        for letter, size in (*zip(left, destination), *zip(right, source)):
            if sizes.setdefault(letter, size) != size:
                raise ValueError(f"block {self}: index {letter} is both {sizes[letter]}, {size}")
        return sizes

    def entries(
        self, destination: tuple[int, ...], source: tuple[int, ...]
    ) -> Iterator[tuple[int, int, Exact]]:
        """Non-zero entries (row in destination, column in source, value) of the block's matrix.

        Raises ValueError where the shapes do not fit.
        """
        sizes = self.check(destination, source)
        if self.matrix is not None:
            for i, row in enumerate(self.matrix):
                for j, value in enumerate(row):
                    if value != 0:
                        yield i, j, self.coefficient * value
        elif self.pattern is None:
            for i in range(prod(destination)):
                yield i, i, self.coefficient
        else:
            few = prod(sizes.values()) <= KEPT
            places = _places if few else _places.__wrapped__
            for i, j in places(*self.indices(), tuple(sorted(sizes.items()))):
                yield i, j, self.coefficient


@dataclass(frozen=True)
class SlotMap:
    """A linear map between streams, as a sum of blocks."""

    blocks: tuple[Block, ...] = ()

    def __iter__(self) -> Iterator[Block]:
        return iter(self.blocks)

    def __bool__(self) -> bool:
        return bool(self.blocks)

    def __str__(self) -> str:
        return "; ".join(map(str, self.blocks))

    @cached_property
    def destinations(self) -> tuple[str, ...]:
        """Names written, in order of first appearance."""
        return tuple(dict.fromkeys(block.destination for block in self.blocks))

    @cached_property
    def _by_destination(self) -> dict[str, tuple[Block, ...]]:
        found: dict[str, list[Block]] = {}
        for block in self.blocks:
            found.setdefault(block.destination, []).append(block)
        return {name: tuple(blocks) for name, blocks in found.items()}

    def to(self, destination: str) -> tuple[Block, ...]:
        """The blocks that write to one destination."""
        return self._by_destination.get(destination, ())

    def without_zeros(self) -> SlotMap:
        """The same map without blocks of coefficient 0: they are no weights."""
        kept = tuple(block for block in self.blocks if block.coefficient != 0)
        return self if len(kept) == len(self.blocks) else SlotMap(kept)

    def check(self, destination: Layout, source: Layout) -> None:
        """Raises KeyError or ValueError where a block does not fit the two streams."""
        for block in self.blocks:
            block.check(destination.shape(block.destination), source.shape(block.source))
            for layout, name in ((destination, block.destination), (source, block.source)):
                if "[" in name:  # whose shape does not say whether there is such an entry
                    layout.rows(name)

    def check_names(self) -> None:
        """Raises ValueError where what is written is not a name, for a map that names features."""
        for name in self.destinations:
            if "[" in name or "]" in name:
                raise ValueError(f"{name!r} is no name of a feature: it has a bracket")

    def features(self, source: Layout, letters: dict[str, int]) -> Layout:
        """Layout of the features that this map makes out of a stream, when it names them itself.

        `letters` gives the sizes of pattern letters that a source does not fix.
        """
        slots: dict[str, Slot] = {}
        for block in self.blocks:
            shape = block.output_shape(source.shape(block.source), letters)
            known = slots.get(block.destination)
            if known is None:
                slots[block.destination] = Slot(block.destination, shape)
            elif known.size != prod(shape):
                raise ValueError(
                    f"block {block}: feature has {known.size} units, not {prod(shape)}"
                )
        return Layout(tuple(slots.values()))

    def entries(self, destination: Layout, source: Layout) -> dict[tuple[int, int], Exact]:
        """The sparse matrix {(row, column): value}; equal positions are added up."""
        matrix: dict[tuple[int, int], Exact] = {}
        for block in self.blocks:
            rows, columns = destination.rows(block.destination), source.rows(block.source)
            shapes = destination.shape(block.destination), source.shape(block.source)
            for i, j, value in block.entries(*shapes):
                at = rows[i], columns[j]
                matrix[at] = matrix.get(at, 0) + value
        return {at: value for at, value in matrix.items() if value != 0}


def slot_map(*blocks: tuple | Block) -> SlotMap:
    """slot_map(("t", "x", alpha), …): blocks as (destination, source[, coefficient[, pattern]]).

    A coefficient is 1 where none is given. A pattern such as "ij<-ji" says which entry goes where,
    by a letter for each index of the two slots; without one entry goes to entry. What is no such
    block is a Block(…, matrix=…), or raises ValueError.

    A block whose coefficient is exactly 0 is left out, unless nothing else writes where it does:
    then what it names is there, and 0.
    """
    made = [_block(block) for block in blocks]
    written = {block.destination for block in made if block.coefficient != 0}
    kept = []
    for block in made:
        if block.coefficient != 0 or block.destination not in written:
            kept.append(block)
            written.add(block.destination)
    return SlotMap(tuple(kept))


def _block(given: tuple | Block) -> Block:
    if isinstance(given, Block):
        return given
    if not isinstance(given, tuple | list) or not 2 <= len(given) <= 4:
        raise ValueError(
            "a block is (destination, source), (destination, source, coefficient) or (destination, "
            f"source, coefficient, pattern), not {given!r}"
        )
    return Block(*given)


KEPT = 1024  # ones of a pattern's matrix; those of larger ones are found again


@lru_cache(maxsize=1024)
def _places(left: str, right: str, known: tuple[tuple[str, int], ...]) -> list[tuple[int, int]]:
    """Where the 0/1 matrix of the pattern left<-right has its ones, letter by letter."""
    sizes, places = dict(known), []
    for values in product(*(range(size) for _, size in known)):
        at = dict(zip(sizes, values))
        places.append((_flat(left, at, sizes), _flat(right, at, sizes)))
    return places


def _flat(letters: str, at: dict[str, int], sizes: dict[str, int]) -> int:
    index = 0
    for letter in letters:
        index = index * sizes[letter] + at[letter]
    return index
