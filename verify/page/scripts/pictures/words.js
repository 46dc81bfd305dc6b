// A text of one-hot words: who looks at whom, which word each notes down, and which word comes next.

const LEAST_SEEN = 0.004; // of the attention, below which no arc is drawn

const wordLetter = (i) => (i < 26 ? String.fromCharCode(97 + i) : `w${i + 1}`);
// The word that most of a row of numbers says; null where none has more than half of it.
function wordIn(row_) {
  const whole = row_.reduce((total, v) => total + Math.abs(v), 0), i = row_.indexOf(Math.max(...row_));
  return row_[i] > whole / 2 ? i : null;
}
const saidIn = (row_) => { const i = wordIn(row_); return i === null ? "·" : wordLetter(i); };
const rowOf = (m, t) => Array.from(m.v.subarray(t * m.c, (t + 1) * m.c));

// What layer k predicts after the text: nothing, or a word; null where no number has more than half.
function nextWord(model, k) {
  const { numbers, at } = nextNumbers(model, k), found = wordIn(numbers);
  return { numbers, at, said: found === null ? null : found === 0 ? "nothing" : wordLetter(found - 1), word: found === null ? null : found - 1 };
}

function nextNumbers({ result, witness }, k) {
  const at = result.tokens.queries[0], { slot, value } = witness.readout;
  return { at, numbers: rowOf(result.steps[k].after[slot], at).map((v) => value * v) };
}

// A word as a tile in its colour; what is no word is an empty one.
function wordTile(x, y, size, word, text, kind = "") {
  const tone = word === null ? "no-word" : `word-${word % 6}`;
  return `<rect class="word-tile ${tone} ${kind}" x="${(x - size / 2).toFixed(1)}" y="${(y - size / 2).toFixed(1)}" width="${size.toFixed(1)}" height="${size.toFixed(1)}" rx="${(size / 7).toFixed(1)}"/>`
    + `<text class="word-letter" x="${x.toFixed(1)}" y="${(y + size * 0.17).toFixed(1)}" text-anchor="middle" style="font-size:${(size * (text.length > 2 ? 0.9 / Math.sqrt(text.length) / 1.5 : 0.5)).toFixed(1)}px">${text}</text>`;
}

// An arc from one place to another, above (`rise` > 0) or below the line they are on, as wide as its
// weight; it ends in an arrow head. To the same place: a loop.
function weightArc([x1, y1], [x2, y2], rise, weight, kind, data_) {
  const width = 1 + 6 * weight, middle = 4 / 3 * rise, head = 4 + width, tip = y2 - Math.sign(rise) * 2, foot = tip - Math.sign(rise) * head;
  const [a, b] = x1 === x2 ? [x1 - 12, x2 + 12] : [x1, x2];
  return `<path class="word-arc ${kind}" style="stroke-width:${width.toFixed(2)}" d="M${a.toFixed(1)} ${y1.toFixed(1)}C${a.toFixed(1)} ${(y1 - middle).toFixed(1)} ${b.toFixed(1)} ${(y2 - middle).toFixed(1)} ${b.toFixed(1)} ${foot.toFixed(1)}" ${data_}/>`
    + `<path class="word-arrow ${kind}" d="M${b.toFixed(1)} ${tip.toFixed(1)}l${(head * 0.75).toFixed(1)} ${(foot - tip).toFixed(1)}h${(-head * 1.5).toFixed(1)}Z"/>`;
}

function textWithArcs(model, k, { W, H, narrow }) {
  const { result, witness } = model, { tokens, steps } = result, { words, notes } = DATA.picture.options, next = nextWord(model, k);
  const { d } = witness.prompt, last = next.at, shown = Array.from({ length: last + 1 }, (_, t) => t);
  const left = narrow ? 0 : 92, wide = (W - left) / (shown.length + 1), size = Math.min(60, wide * 0.74, H * 0.19), small = size * 0.56;
  const at = (t) => left + wide * (t + 0.5), middle = H * 0.46, top = middle - size / 2 - 3, under = middle + size / 2 + small * 0.72, bottom = under + small / 2 + 3;
  const word = (t) => rowOf(steps[k].after[words], t).slice(0, d), note = (t) => rowOf(steps[k].after[notes], t);
  const weights = k ? steps[k].heads[0].weights : null, seen = k ? steps[k].heads[0].seen : [];
  const looks = (t) => seen.map((j, i) => ({ t, j, weight: weights.get(t, i) })).filter(({ weight }) => weight > LEAST_SEEN);
  const found = k > 1 ? looks(last) : [], most = found.reduce((best, one) => (one.weight > (best?.weight ?? 0) ? one : best), null);
  const data_ = ({ t, j, weight }) => `data-look="${t} ${j} ${weight}"`, room = top - 8;
  const far = (t, j) => Math.min(1, Math.max(1, t - j) / Math.max(4, shown.length));
  const apart = ({ t, j }) => (t === j ? 0 : size * 0.2); // what comes in beside what goes out
  const arcs = k === 0 ? "" : k === 1
    ? shown.slice(1).flatMap(looks).map((one) => weightArc([at(one.j) + apart(one), top], [at(one.t) - apart(one), top], Math.min(room, 26 + room * 0.8 * (far(one.t, one.j) - far(1, 0))), one.weight, "value", data_(one))).join("")
    : found.map((one) => weightArc([at(last), bottom + (narrow ? 15 : 20)], [at(one.j), bottom], -Math.max(16, (H - bottom - 24) * (0.35 + 0.6 * far(last, one.j))), one.weight, "key", data_(one))
      + weightArc([at(one.j), top], [at(last + 1), top], room * (0.35 + 0.6 * far(last, one.j)), one.weight, "value", "")).join("");
  const letters = shown.map((t) => {
    const key = wordKey(tokens, t), mine = word(t), kind = k < 2 ? "" : t === most?.j ? "is-value" : t === last ? "is-query" : "";
    if (!key) return wordTile(at(t), middle, size, null, "start", kind);
    return `<g class="word" role="button" tabindex="0" data-word="${key}" data-focus="word ${key}" aria-label="word ${t} is ${saidIn(mine)}: the next one">${wordTile(at(t), middle, size, wordIn(mine), saidIn(mine), kind)}</g>`;
  }).join("");
  const noted = shown.slice(1).map((t) => {
    const some = note(t), empty = some.every((v) => Math.abs(v) < LEAST_SEEN), kind = k === 1 ? "is-written" : k > 1 && t === most?.j ? "is-key" : "";
    return wordTile(at(t), under, small, empty ? null : wordIn(some), empty ? "" : saidIn(some), kind);
  }).join("");
  const answer = wordTile(at(last + 1), middle, size, next.word === null || next.word < 0 ? null : next.word, next.said ?? "?", next.said === null ? "" : "is-written");
  const asks = k > 1 ? svgText(at(last), bottom + (narrow ? 11 : 15), `${saidIn(word(last))}?`, { kind: "query-ink strong-word", anchor: "middle" }) : "";
  const names = narrow ? "" : svgText(0, middle + 4, "the text", { kind: "slot-name" }) + svgText(0, under + 4, "after which", { kind: "slot-name" });
  const text = shown.filter((t) => wordKey(tokens, t)).map((t) => saidIn(word(t)));
  const looking = !most ? "" : !wordKey(tokens, most.j) ? `“${saidIn(word(last))}” looks most at the beginning, which says: nothing`
    : `“${saidIn(word(last))}” looks most at word ${most.j}: “${saidIn(word(most.j))}”, after “${saidIn(note(most.j))}”`;
  const title = [`A text: what comes next?`, `Every word notes <span class="written">after which it stands</span>`][k] ?? looking;
  return [title, `${names}${arcs}${noted}${letters}${answer}${asks}`, `the text ${text.join(" ")}${k ? `; noted before them ${shown.slice(1).map((t) => saidIn(note(t))).join(" ")}` : ""}${looking && `; ${looking}`}`];
}

// Where the numbers of a token's word are in the data; null at the beginning.
function wordKey(tokens, t) {
  const j = tokens.x.indexOf(t), asked = tokens.queries.indexOf(t);
  return j >= 0 ? `X.${j}` : asked >= 0 ? `queries.${asked}` : null;
}

function nextBars(model, k, size) {
  const { numbers, said } = nextWord(model, k), low = Math.min(0, ...numbers), high = Math.max(1, ...numbers);
  const frame = plotFrame({ ...size, left: 30, right: 4, bottom: 36, top: 22, x: [-0.6, numbers.length - 0.4], y: [low, high] });
  const wide = Math.min(70, (size.W / numbers.length) * 0.6), tile = Math.min(26, wide);
  const bars = numbers.map((v, i) => (Number.isFinite(v) ? uprightBar(frame, i, 0, v, wide.toFixed(1), "whole", `data-next="${v}"`) : "")
    + svgText(frame.px(i), frame.py(Math.max(0, v)) - 6, k < 2 ? "" : v !== 0 && Math.abs(v) < 1e-6 ? "≈ 0" : show(v, 3), { kind: "strong", anchor: "middle" })
    + (i ? wordTile(frame.px(i), size.H - 17, tile, i - 1, wordLetter(i - 1)) : svgText(frame.px(0), size.H - 13, "nothing", { anchor: "middle" }))).join("");
  return [k > 1 ? `<span class="written">The prediction</span>: ${said ?? "undecided"}` : "The prediction: not yet written", `${axes(frame, { xTicks: [], yTicks: [0, 0.5, 1] })}${bars}`,
    `the prediction after layer ${k}: ${numbers.map((v, i) => `${i ? wordLetter(i - 1) : "nothing"} ${show(v)}`).join(", ")}`];
}

PICTURES.words = { parts: [2, 1], fills: () => 420, draw: (model, k, sizes) => [textWithArcs(model, k, sizes[0]), nextBars(model, k, sizes[1])] };

// -- a word is changed -------------------------------------------------------------------------------

// To the next word of the vocabulary.
function turnWord(path) {
  const [part, j] = path.split("."), row_ = app.data[part][j], to = ((wordIn(row_) ?? -1) + 1) % row_.length;
  stopPlaying();
  app.data[part][j] = row_.map((_, i) => Number(i === to));
  pointMoved(row_.map((_, i) => `${path}.${i}`));
  remember(true);
}

document.addEventListener("click", (event) => {
  const at = event.target.closest("[data-word]");
  if (at) turnWord(at.dataset.word);
});
document.addEventListener("keydown", (event) => {
  const path = event.target.dataset?.word;
  if (!path || (event.key !== "Enter" && event.key !== " ")) return;
  event.preventDefault();
  event.stopImmediatePropagation(); // in slides a space would turn the page
  turnWord(path);
});
