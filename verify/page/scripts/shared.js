// Data in which what occurs again is written once, made whole: "@3" is part 3, ["@", 3, 4] a list
// of the parts 3 and 4, ["@:2", value, …] an object with the names that are number 2, and a text that
// begins with @@ begins with @.

function whole({ names, parts, whole: written_ }) {
  const done = new Map(), mark = (value) => (typeof value === "string" ? /^@(:?)(\d+)$/.exec(value) : null);
  const full = (value) => {
    if (Array.isArray(value)) {
      if (value[0] === "@") return value.slice(1).map(part);
      const kind = mark(value[0]);
      return kind && kind[1] ? Object.fromEntries(names[kind[2]].map((name, i) => [name, full(value[i + 1])])) : value.map(full);
    }
    if (typeof value === "object" && value !== null) return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, full(one)]));
    if (typeof value !== "string" || value[0] !== "@") return value;
    const found = mark(value);
    return found ? part(Number(found[2])) : value.slice(1);
  };
  const part = (number_) => {
    if (!done.has(number_)) done.set(number_, full(parts[number_]));
    return done.get(number_);
  };
  return full(written_);
}
