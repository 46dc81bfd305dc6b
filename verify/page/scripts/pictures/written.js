// Any transformer: which slot every layer writes, and what the layer that is shown wrote.

const TALLEST_SLOT = 36, TALLEST_MOVE = 52; // pixels of a row
const ANSWER_TICKS = 3, DIGIT = 6.5, LETTER = 6; // ticks, about; pixels that a digit of one takes at most, and a letter

// How much layer k moves each slot: the largest change of an entry of it.
function changesOf(model, k) {
  const { steps, witness } = model.result;
  return witness.layout.slots.map(([name]) => {
    const now = steps[k].after[name], before = k ? steps[k - 1].after[name] : new Matrix(now.r, now.c);
    return now.v.reduce((most, v, i) => Math.max(most, Math.abs(v - before.v[i]) || 0), 0);
  });
}

// Slots down, layers across; a cell is as deep as the change is large beside the slot's own largest.
function writingMap(model, k, size) {
  const layers = everyLayer(model), changes = kept(`picture changes ${app.side}`, () => layers.map((layer) => changesOf(model, layer)));
  const slots = model.witness.layout.slots.map(([name], i) => ({ name, i, most: Math.max(...changes.map((some) => some[i])) }))
    .filter(({ most }) => most > 0);
  const rows_ = Math.max(1, Math.floor((size.H - 40) / 13)), shown = slots.length > rows_
    ? [...slots].sort((a, b) => changes.filter((some) => some[b.i] > 0).length - changes.filter((some) => some[a.i] > 0).length).slice(0, rows_).sort((a, b) => a.i - b.i) : slots;
  const answers = answersOfLayers(model), ticked = answers ? roundTicks(...answers.y, ANSWER_TICKS).map((v) => tickText(v, false).length) : [];
  const left = Math.max(Math.min(110, 22 + 7 * Math.max(...shown.map(({ name }) => name.length))), ...ticked.map((digits) => 8 + DIGIT * digits)), high = Math.min(TALLEST_SLOT, (size.H - 40) / shown.length), wide = (size.W - left - 6) / layers.length;
  const every = Math.ceil(layers.length / Math.max(1, Math.floor((size.W - left) / 26)));
  const cells = shown.map(({ name, i, most }, row_) => `${svgText(left - 8, 8 + high * (row_ + 0.5) + 4, escapeText(name), { anchor: "end", kind: "slot-name" })}${layers.map((layer) =>
    `<rect class="written-cell ${changes[layer][i] > 0 ? "" : "empty"}" x="${(left + wide * layer + 1).toFixed(1)}" y="${(8 + high * row_ + 1).toFixed(1)}" width="${Math.max(1, wide - 2).toFixed(1)}" height="${Math.max(1, high - 2).toFixed(1)}" rx="2" style="fill-opacity:${
      (changes[layer][i] > 0 ? 0.25 + 0.75 * Math.sqrt(changes[layer][i] / most) : 1).toFixed(2)}" data-change="${changes[layer][i]}" data-layer="${layer}"/>`).join("")}`).join("");
  const bottom = 8 + high * shown.length;
  const ticks = layers.filter((layer) => layer % every === 0).map((layer) => svgText(left + wide * (layer + 0.5), bottom + 14, layer, { kind: "tick", anchor: "middle" })).join("");
  const here = `<rect class="here" x="${(left + wide * k).toFixed(1)}" y="7" width="${wide.toFixed(1)}" height="${(bottom - 6).toFixed(1)}" rx="3"/>`;
  const written = shown.filter(({ i }) => changes[k][i] > 0).map(({ name }) => name);
  return ["Which slot every layer writes", `${answers && size.H - bottom >= 130 ? answersBelow(answers, k, size, { left, wide, top: bottom + 40 }) : ""}${cells}${here}${ticks}${svgText(size.W - 6, bottom + 28, "layer", { kind: "axis-name", anchor: "end" })}`,
    `layer ${k} writes ${written.length ? written.join(", ") : "nothing"}`];
}

// What would be read as the prediction after every layer, and the algorithm's own answer at the end,
// where it has a formula: null where no number is predicted.
function answersOfLayers(model) {
  if (!DATA.lesson.predicts) return null;
  const read = kept(`picture answers ${app.side}`, () => everyLayer(model).map((layer) => lens(model.result, layer, DATA.lesson.lens)[0]));
  const own = model.reference && answersOf(model.reference, app.data, app.given)?.[0].v[0], seen = read.concat(own ?? []).filter(Number.isFinite);
  return seen.length ? { read, own: Number.isFinite(own) ? own : null, y: rangeOf(seen, 0.1, 0.15) } : null;
}

// Below the map, where there is room.
function answersBelow(answers, k, { W, H }, { left, wide, top }) {
  const { read, own, y } = answers;
  const says = [`prediction, if it were read after the layer: now ${show(read[k])}`, ...(own === null ? [] : [`dashed: the algorithm, ${show(own)}`])];
  const lines = says.join("; ").length * LETTER > W ? says : [says.join("; ")]; // one below the other where the room is narrow
  const frame = plotFrame({ W, H, left, right: W - left - wide * read.length, top: top + 14 * lines.length, bottom: 10, x: [-0.5, read.length - 0.5], y });
  return `${axes(frame, { xTicks: [], yTicks: roundTicks(...y, ANSWER_TICKS) })}${lines.map((line, i) => svgText(0, top + 8 + 14 * i, line, { kind: "axis-name" })).join("")}${
    own === null ? "" : svgLine(frame.left, frame.py(own), W - frame.right, frame.py(own), "own", `data-own="${own}"`)}${linePath(frame, read.map((v, layer) => [layer, v]), "path")}${
    read.map((v, layer) => (Number.isFinite(v) ? svgDot(frame.px(layer), frame.py(v), layer === k ? 6 : 4, `dot ${layer === k ? "now" : ""}`, `data-layer="${layer}"`) : "")).join("")}`;
}

// The entries that layer k moves most beside the size of their slot: where they were and where they
// are; where sizes are far apart, by the inverse hyperbolic sine of them.
function movesOf(model, k, size) {
  const { steps, tokens, witness } = model.result, rows_ = Math.max(3, Math.min(10, Math.floor((size.H - 10) / 30)));
  const moves = witness.layout.slots.flatMap(([name, shape]) => {
    const now = steps[k].after[name], before = k ? steps[k - 1].after[name] : new Matrix(now.r, now.c), most = largestOf(Array.from(now.v), 1e-300);
    return Array.from(now.v, (v, at) => ({ share: Math.abs(v - before.v[at]) / most, name: name + entryName(shape, at % now.c), t: Math.floor(at / now.c), from: before.v[at], to: v })).filter(({ from, to }) => from !== to);
  });
  const total = moves.length, shown = moves.sort((a, b) => b.share - a.share).slice(0, rows_).sort((a, b) => a.t - b.t);
  if (!total) return [`Layer ${k} changes nothing on this prompt`, "", "nothing changes"];
  const sizes = shown.flatMap(({ from, to }) => [from, to]).filter((v) => Number.isFinite(v) && v !== 0).map(Math.abs), unit = Math.min(...sizes, 1);
  const level = Math.max(...sizes, 0) > 1e3 * unit ? (v) => Math.asinh(v / unit) : (v) => v;
  const numbers = shown.flatMap(({ from, to }) => [level(from), level(to)]).filter(Number.isFinite);
  const words = size.W > 420 ? 150 : 118, row_ = Math.min(TALLEST_MOVE, (size.H - 10) / shown.length);
  const frame = plotFrame({ ...size, left: words, right: roomFor(shown.map(({ to }) => to), 56), top: 4, bottom: 4, x: rangeOf(numbers, 0.04, 0.04), y: [1, 0] });
  const svg = shown.map(({ name, t, from, to }, i) => {
    const y = 6 + row_ * (i + 0.5), [a, b] = [frame.px(level(from)), frame.px(level(to))];
    const token = tokenName(tokens, t).replaceAll("<sub>", "<tspan dy='3' font-size='.75em'>").replaceAll("</sub>", "</tspan>");
    return `<text x="0" y="${(y + 4).toFixed(1)}"><tspan class="slot-name">${escapeText(name)}</tspan> of ${token}</text>
      <rect class="whole" x="${Math.min(a, b).toFixed(1)}" y="${(y - 6).toFixed(1)}" width="${Math.max(1, Math.abs(b - a)).toFixed(1)}" height="12" rx="1.5" data-from="${from}" data-to="${to}"/>${svgDot(b, y, 5, "dot now")}
      ${svgText(Math.max(a, b) + 9, y + 4, show(to), { kind: "strong" })}`;
  }).join("");
  return [`Layer ${k} writes ${word(total, "number")}${total > shown.length ? `; the ${shown.length} it moves most` : ""}`, `${svgLine(frame.px(0), 2, frame.px(0), 8 + row_ * shown.length, "zero-line")}${svg}`,
    shown.map(({ name, to }) => `${name} is now ${show(to)}`).join(", ")];
}

// The height that all slots and moves can take, the same for every layer.
function writtenHeight(model) {
  const { steps, witness } = model.result, slots = witness.layout.slots.filter((_, i) => everyLayer(model).some((k) => changesOf(model, k)[i] > 0)).length;
  const moved = (k) => witness.layout.slots.reduce((many, [name]) => many + steps[k].after[name].v.reduce((some, v, at) => some + (v !== (k ? steps[k - 1].after[name].v[at] : 0)), 0), 0);
  return Math.max(48 + TALLEST_SLOT * slots + (DATA.lesson.predicts ? 180 : 0), 14 + TALLEST_MOVE * Math.min(10, Math.max(...everyLayer(model).map(moved))));
}

PICTURES.written = { parts: [1.2, 1], fills: (model) => kept(`picture height ${app.side}`, () => writtenHeight(model)), draw: (model, k, sizes) => [writingMap(model, k, sizes[0]), movesOf(model, k, sizes[1])] };
