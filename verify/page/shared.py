"""JSON in which what occurs again is written once: weights repeat themselves from layer to layer.

"@3", where it stands, is part 3 of "parts", counted from 0, and ["@", 3, 4] is a list of parts 3
and 4; ["@:2", value, …] is an object with the names that are number 2 of "names". A text that
begins with @ itself begins with @@. The script of a page has the other direction, `whole` in
scripts/shared.js.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

ON_PAGE = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.S)
REFERENCE = 6  # characters of a reference, quotes and comma among them
MARK = re.compile("@(:?)([0-9]+)")
PLACE = re.compile("\0([@#])([0-9]+)\0")  # of a part, as a text or as a number


@dataclass
class Parts:
    """The different parts of a value, each after those inside of it."""

    keys: list[tuple[str, Any, tuple[int, ...]]] = field(default_factory=list)
    """Of each its kind, its names or its text, and what is inside."""
    numbers: dict[Any, int] = field(default_factory=dict)
    uses: Counter[int] = field(default_factory=Counter)  # inside how many others
    named: Counter[tuple[str, ...]] = field(default_factory=Counter)  # objects with these names

    def add(self, value: Any) -> int:
        """The number of this part, which is that of any equal one."""
        key: tuple[str, Any, tuple[int, ...]]
        if isinstance(value, dict):
            key = ("object", tuple(value), tuple(self.add(one) for one in value.values()))
        elif isinstance(value, (list, tuple)):
            key = ("list", (), tuple(self.add(one) for one in value))
        else:
            key = ("text", _plain(_escaped(value)), ())
        if key not in self.numbers:
            self.numbers[key] = len(self.keys)
            self.keys.append(key)
            self.uses.update(key[2])
            if isinstance(value, dict):
                self.named[tuple(value)] += 1
        return self.numbers[key]


def shared(value: Any) -> str:
    """The value as JSON, `whole` of which is equal to it; tuples are lists.

    Raises ValueError on a number that JSON does not have.
    """
    parts = Parts()
    root = parts.add(value)
    names = [some for some, many in parts.named.most_common() if many > 1 and some]
    kinds = {some: _plain(f"@:{i}") for i, some in enumerate(names)}
    texts: list[str] = []  # in full, what is shared inside by a placeholder
    placed: dict[int, str] = {}
    for number, (kind, named, inside) in enumerate(parts.keys):
        own = [placed.get(one, texts[one]) for one in inside]
        texts.append(named if kind == "text" else _joined(kind, named, own, kinds))
        many, size = parts.uses[number], len(texts[number])
        if many * size > many * REFERENCE + size:
            placed[number] = f"\0@{number}\0"
    order = sorted(placed, key=lambda number: -parts.uses[number])  # short numbers for most
    places = {number: (f'"@{i}"', str(i)) for i, number in enumerate(order)}

    def final(text: str) -> str:
        return PLACE.sub(lambda found: places[int(found[2])][found[1] == "#"], text)

    held = ",".join(final(texts[number]) for number in order)
    return f'{{"names":{_plain(names)},"parts":[{held}],"whole":{final(texts[root])}}}'


def _joined(kind: str, names: tuple[str, ...], inside: list[str], kinds: dict[Any, str]) -> str:
    if kind == "list" and len(inside) > 1 and all(one.startswith("\0") for one in inside):
        return f'["@",{",".join(inside)}]'.replace("\0@", "\0#")
    if kind == "list":
        return f"[{','.join(inside)}]"
    if names in kinds:
        return f"[{','.join((kinds[names], *inside))}]"
    pairs = (f"{_plain(name)}:{text}" for name, text in zip(names, inside))
    return f"{{{','.join(pairs)}}}"


def _escaped(value: Any) -> Any:
    return f"@{value}" if isinstance(value, str) and value.startswith("@") else value


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def embedded(value: Any) -> str:
    """The same as it stands in a page, whose script it must not end."""
    return shared(value).replace("</", "<\\/")


def held_in(html: str) -> Any:
    """The data that a page holds. Raises ValueError or LookupError where it holds none."""
    found = ON_PAGE.search(html)
    if found is None:
        raise LookupError("a page holds its data in a script of its own")
    return whole(found[1])


def whole(text: str) -> Any:
    """What `shared` wrote."""
    read = json.loads(text)
    names, parts = read["names"], read["parts"]
    done: dict[int, Any] = {}

    def full(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: full(one) for name, one in value.items()}
        if isinstance(value, list):
            mark = MARK.fullmatch(value[0]) if value and isinstance(value[0], str) else None
            if mark and mark[1]:
                return dict(zip(names[int(mark[2])], map(full, value[1:])))
            if value and value[0] == "@":
                return [part(one) for one in value[1:]]
            return [full(one) for one in value]
        if not isinstance(value, str) or not value.startswith("@"):
            return value
        mark = MARK.fullmatch(value)
        if mark is None:
            return value[1:]
        return part(int(mark[2]))

    def part(number: int) -> Any:
        if number not in done:
            done[number] = full(parts[number])
        return done[number]

    return full(read["whole"])
