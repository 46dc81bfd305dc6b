// What a witness does to a prompt: the transformer, from its exported layers.
// A stream is {slot: Matrix of (tokens, size)}. Every layer leaves a record of what it did.

// It reads every field and every word that a witness has: one that it does not know, and one that
// is missing, is an error that names it. Nothing is skipped, read as 0 or taken for the default.

// -- words ------------------------------------------------------------------------------------

// The fields of each part; those of the second list are for the page around it.
const FIELDS = {
  witness: [["layout", "prompt", "layers", "readout", "examples"], ["vectors", "approximate", "definitions", "course", "left", "region", "prompts"]],
  prompt: [["form", "d", "register", "positions", "parts", "query_parts", "targets", "encodings", "embedding"], []],
  layer: [["name", "heads", "norm", "mlp", "attention_norm", "after_attention", "after_mlp"], ["holds"]],
  head: [["name", "query", "key", "value", "attention", "keys", "average", "null", "mask", "mix"], []],
  rule: [["text", "constants", "matrix"], []],
  norm: [["kind", "epsilon", "gain", "bias"], []],
  mlp: [["inner", "gate", "outer", "activation", "letters"], []],
  block: [["to", "from", "value", "pattern", "matrix"], ["c", "shown", "path", "original"]],
  readout: [["slot", "value", "tokens"], []],
};
const OPTIONAL = { block: ["pattern", "matrix"] };
const FORMS = ["joint", "interleaved"];
const ATTENTION = ["linear", "relu", "softmax", "normalised", "exponential"];
const SHARES = ["softmax", "normalised"];
const KEYS_SEEN = ["context", "full", "causal", "strictly causal"];
const NORMS = ["layer", "rms"];
const AVERAGES = ["", "keys", "examples"];
const READOUTS = ["query", "examples", "all"];

function unknown(what, word, known) {
  const known_ = known ? `; known are ${known.map((k) => JSON.stringify(k)).join(", ")}` : "";
  throw new Error(`${what} ${JSON.stringify(word) ?? "undefined"} is not known${known_}`);
}
const oneOf = (word, known, what) => (known.includes(word) ? word : unknown(what, word, known));
const isCount = (x) => Number.isInteger(x) && x >= 0;
const truth = (x, what) => (x === true || x === false ? x : unknown(what, x, [true, false]));

function checkFields(part, kind) {
  const [read, around] = FIELDS[kind];
  if (part === null || typeof part !== "object") throw new Error(`there is no ${kind}`);
  for (const field of read) {
    if (part[field] === undefined && !(OPTIONAL[kind] ?? []).includes(field)) throw new Error(`a ${kind} without ${field}`);
  }
  for (const field of Object.keys(part)) {
    if (!read.includes(field) && !around.includes(field)) unknown(`the field of a ${kind}`, field);
  }
}

function checkMap(map) {
  if (!Array.isArray(map)) throw new Error("a slot map is no list of blocks");
  for (const block of map) {
    checkFields(block, "block");
    if (typeof block.value !== "number") unknown("coefficient", block.value);
    for (const name of [block.to, block.from]) if (typeof name !== "string") unknown("slot", name);
    const { pattern, matrix } = block;
    if (pattern !== undefined && !(typeof pattern === "string" && /^[A-Za-z]*<-[A-Za-z]*$/.test(pattern))) unknown("pattern", pattern);
    if (matrix !== undefined && !(Array.isArray(matrix) && matrix.every((row) => Array.isArray(row) && row.every((x) => typeof x === "number")))) unknown("matrix", matrix);
    if (pattern !== undefined && matrix !== undefined) throw new Error(`${block.to} ← ${block.from} has a pattern and a matrix`);
  }
}

function checkPrompt(prompt) {
  checkFields(prompt, "prompt");
  oneOf(prompt.form, FORMS, "form");
  truth(prompt.register, "register");
  if (!isCount(prompt.positions)) unknown("positions", prompt.positions);
  if (!isCount(prompt.d) || prompt.d === 0) unknown("d", prompt.d);
  const parts = new Layout(prompt.parts);
  if (!Array.isArray(prompt.query_parts)) unknown("parts of a query", prompt.query_parts);
  for (const name of prompt.query_parts) oneOf(name, [...parts.shapes.keys()], "part of a query");
  if (!isCount(prompt.targets)) unknown("targets", prompt.targets);
  if (prompt.targets === 0 && prompt.form === "interleaved") throw new Error("an interleaved prompt without targets");
  for (const [, rules] of prompt.encodings) rules.forEach(checkRule);
  checkMap(prompt.embedding);
}

function checkHead(head) {
  checkFields(head, "head");
  oneOf(head.attention, ATTENTION, "attention");
  oneOf(head.keys, KEYS_SEEN, "keys");
  oneOf(head.average, AVERAGES, "average");
  truth(head.null, "null");
  const shares = SHARES.includes(head.attention);
  if (shares && head.average !== "") throw new Error(`average ${head.average} with ${head.attention} attention`);
  if (!shares && head.null) throw new Error(`null with ${head.attention} attention`);
  for (const map of [head.query, head.key, head.value]) checkMap(map);
  for (const rule of [head.mask, head.mix]) if (rule !== null) checkRule(rule);
}

function checkRule(rule) {
  checkFields(rule, "rule");
  const { text, constants, matrix } = rule;
  if (typeof text !== "string" || (text === "") !== (matrix !== null)) unknown("rule", text);
  if (!Array.isArray(constants) || !constants.every(([name]) => typeof name === "string")) unknown("constants", constants);
  if (matrix !== null && !(Array.isArray(matrix) && matrix.every((row) => Array.isArray(row) && row.every((x) => typeof x === "number")))) unknown("matrix", matrix);
}

// null where there is none
function checkNorm(norm, layout) {
  if (norm === null) return;
  checkFields(norm, "norm");
  oneOf(norm.kind, NORMS, "kind of a norm");
  if (!(norm.epsilon >= 0)) unknown("epsilon", norm.epsilon);
  for (const given of [norm.gain, norm.bias]) {
    if (!Array.isArray(given)) unknown("gain or bias", given);
    for (const [slot, numbers] of given) {
      const size = sizeOf(layout.shape(slot));
      if (!Array.isArray(numbers) || ![1, size].includes(numbers.length) || !numbers.every((x) => typeof x === "number")) unknown(`gain or bias of ${slot}`, numbers);
    }
  }
}

function checkLayer(layer, layout) {
  checkFields(layer, "layer");
  if (layer.norm !== null && typeof layer.norm === "object") checkNorm(layer.norm, layout);
  else truth(layer.norm, "norm");
  for (const norm of [layer.attention_norm, layer.after_attention, layer.after_mlp]) checkNorm(norm, layout);
  if (!Array.isArray(layer.heads)) throw new Error("a layer without a list of heads");
  layer.heads.forEach(checkHead);
  if (layer.norm && layer.mlp === null) throw new Error("norm without an MLP");
  if (layer.attention_norm !== null && !layer.heads.length) throw new Error("attention_norm without heads");
  if (layer.mlp === null) return;
  checkFields(layer.mlp, "mlp");
  oneOf(layer.mlp.activation, Object.keys(ACTIVATIONS), "activation");
  checkMap(layer.mlp.outer);
  for (const map of [layer.mlp.inner, layer.mlp.gate]) if (map !== null) checkMap(map);
  for (const [letter, size] of Object.entries(layer.mlp.letters)) {
    if (!/^[A-Za-z]$/.test(letter) || !isCount(size)) unknown("size of a letter", [letter, size]);
  }
}

function checkWitness(witness) {
  checkFields(witness, "witness");
  if (!(witness.layout instanceof Layout)) throw new Error("a witness without a layout");
  checkPrompt(witness.prompt);
  witness.layers.forEach((layer) => checkLayer(layer, witness.layout));
  checkFields(witness.readout, "readout");
  oneOf(witness.readout.tokens, READOUTS, "tokens of a read-out");
  witness.layout.shape(witness.readout.slot);
  if (typeof witness.readout.value !== "number") unknown("coefficient", witness.readout.value);
}

// X, y and queries of one prompt, for this witness
function checkData({ prompt, examples }, data) {
  const as = (row, size, what) => { if (row.length !== size) throw new Error(`${what} of ${row.length} numbers, not ${size}`); };
  for (const row of data.X) as(row, inputsOf(prompt), "an x");
  for (const row of data.queries) as(row, queryInputsOf(prompt), "a query");
  if (data.y.length !== data.X.length) throw new Error(`${data.y.length} y for ${data.X.length} x`);
  for (const target of data.y) as(targetsIn(target), prompt.targets, "a y");
  if (examples !== null && examples !== data.X.length) throw new Error(`${data.X.length} examples, not ${examples}`);
}

// -- slot maps ------------------------------------------------------------------------------

const splitEntry = (reference) => {
  const found = /^(.+)\[(\d+)\]$/.exec(reference);
  return found ? [found[1], Number(found[2])] : [reference, null];
};
const sizeOf = (shape) => shape.reduce((size, axis) => size * axis, 1);

// Shapes by slot name; an entry `slot[i]` is one number.
class Layout {
  constructor(slots) {
    this.slots = slots;
    this.shapes = new Map(slots);
    if (this.shapes.size < slots.length) throw new Error("a slot is laid out twice");
    for (const [name, shape] of slots) {
      if (!Array.isArray(shape) || !shape.every(isCount)) unknown(`shape of ${name}`, shape);
    }
  }
  has(name) { return this.shapes.has(name); }
  shape(reference) {
    const [name, index] = splitEntry(reference);
    if (!this.has(name)) unknown("slot", name, [...this.shapes.keys()]);
    const shape = this.shapes.get(name);
    if (index === null) return shape;
    if (index >= sizeOf(shape)) throw new Error(`${reference}: slot ${name} has only ${sizeOf(shape)} entries`);
    return [];
  }
}

const misfit = (block, to, from) => {
  throw new Error(`${block.to} ← ${block.from}${block.pattern === undefined ? "" : ` [${block.pattern}]`} does not fit [${to}] ← [${from}]`);
};

// The shape that a block gives its source; `letters` sizes an axis that it repeats.
function outputShape(block, source, letters) {
  if (block.matrix !== undefined) return [block.matrix.length];
  if (block.pattern === undefined) return source;
  const [left, right] = block.pattern.split("<-");
  if (right.length !== source.length) misfit(block, "", source);
  const known = { ...letters };
  [...right].forEach((letter, axis) => { known[letter] = source[axis]; });
  return [...left].map((letter) => known[letter] ?? unknown("size of the letter", letter));
}

// Non-zero entries [row, column, factor] of a block's matrix, its coefficient left out.
function entries(block, destination, source) {
  if (block.matrix !== undefined) {
    if (block.matrix.length !== sizeOf(destination) || block.matrix.some((row) => row.length !== sizeOf(source))) misfit(block, destination, source);
    return block.matrix.flatMap((row, i) => row.map((x, j) => [i, j, x]).filter((at) => at[2] !== 0));
  }
  if (block.pattern === undefined) {
    if (sizeOf(destination) !== sizeOf(source)) misfit(block, destination, source);
    return Array.from({ length: sizeOf(source) }, (_, i) => [i, i, 1]);
  }
  const [left, right] = block.pattern.split("<-");
  if (left.length !== destination.length && [...left].every((letter) => right.includes(letter))) {
    const made = outputShape(block, source, {}); // as many units in another shape
    if (sizeOf(made) === sizeOf(destination)) destination = made;
  }
  if (left.length !== destination.length || right.length !== source.length) misfit(block, destination, source);
  const sizes = {};
  const axes = [...[...left].map((letter, k) => [letter, destination[k]]), ...[...right].map((letter, k) => [letter, source[k]])];
  for (const [letter, size] of axes) {
    sizes[letter] ??= size;
    if (sizes[letter] !== size) misfit(block, destination, source);
  }
  const letters = Object.keys(sizes);
  let places = [{}]; // every letter has one value, wherever and however often it stands
  for (const letter of letters) {
    places = places.flatMap((at) =>
      Array.from({ length: sizes[letter] }, (_, i) => ({ ...at, [letter]: i })));
  }
  const flat = (word, at) => [...word].reduce((index, letter) => index * sizes[letter] + at[letter], 0);
  return places.map((at) => [flat(left, at), flat(right, at), 1]);
}

// slots(source): {destination: Matrix}; destinations are slots of `to`, or, with `to` null, features
// that the map names itself.
function applyMap(map, source, from, to, letters) {
  const made = {};
  const named = to ?? features(map, from, letters);
  for (const block of map) {
    const [name, index] = splitEntry(block.from);
    const [target, place] = splitEntry(block.to);
    const a = source[name] ?? unknown("slot", name, Object.keys(source));
    const shape = named.shape(block.to);
    made[target] ??= new Matrix(a.r, sizeOf(named.shape(target)));
    const m = made[target];
    for (const [i, j, factor] of entries(block, shape, from.shape(block.from))) {
      const c = block.value * factor;
      const ec = Number.isInteger(c) ? 0 : 2 * U * Math.abs(c);
      for (let t = 0; t < a.r; t++) {
        const at = t * a.c + (index ?? j), x = a.v[at];
        if (x === 0 && a.e[at] === 0) continue;
        const to_ = t * m.c + (place ?? i), term = c * x;
        m.v[to_] += term;
        m.e[to_] += Math.abs(c) * a.e[at] + Math.abs(x) * ec + U * (Math.abs(term) + Math.abs(m.v[to_]));
      }
    }
  }
  return made;
}

// The features that a map names itself, each of the shape that its first block makes.
function features(map, from, letters) {
  const shapes = new Map();
  for (const block of map) {
    if (/[[\]]/.test(block.to)) unknown("feature", block.to);
    const shape = outputShape(block, from.shape(block.from), letters);
    if (!shapes.has(block.to)) shapes.set(block.to, shape);
    if (sizeOf(shapes.get(block.to)) !== sizeOf(shape)) misfit(block, shapes.get(block.to), shape);
  }
  return new Layout([...shapes]);
}

// Two maps must make the same features: their names, and how many numbers each is.
function checkAlike(a, b, what) {
  const sizes = (made) => JSON.stringify(made.slots.map(([name, shape]) => [name, sizeOf(shape)]).sort());
  if (sizes(a) !== sizes(b)) throw new Error(`${what}: ${sizes(a)} and ${sizes(b)}`);
}

const sum = (stream, more) => {
  const after = { ...stream };
  for (const [name, m] of Object.entries(more)) after[name] = add(after[name] ?? unknown("slot", name), m);
  return after;
};

const sideBySide = (parts) => {
  const m = new Matrix(parts[0].r, parts.reduce((size, part) => size + part.c, 0));
  let start = 0;
  for (const part of parts) {
    for (let i = 0; i < part.r; i++) {
      for (let j = 0; j < part.c; j++) {
        m.v[i * m.c + start + j] = part.get(i, j);
        m.e[i * m.c + start + j] = part.error(i, j);
      }
    }
    start += part.c;
  }
  return m;
};

const columns = (a, start, stop) => {
  const m = new Matrix(a.r, stop - start);
  for (let i = 0; i < a.r; i++) {
    for (let j = start; j < stop; j++) {
      m.v[i * m.c + j - start] = a.get(i, j);
      m.e[i * m.c + j - start] = a.error(i, j);
    }
  }
  return m;
};

// -- prompt -----------------------------------------------------------------------------------

function tokensOf(prompt, n, m) {
  const first = truth(prompt.register, "register") ? 1 : 0;
  const step = { joint: 1, interleaved: 2 }[oneOf(prompt.form, FORMS, "form")];
  const end = first + step * n;
  const range = (start, stop, by) => {
    const made = [];
    for (let t = start; t < stop; t += by) made.push(t);
    return made;
  };
  return {
    total: end + m, examples: n, context: range(0, end, 1), all: range(0, end + m, 1),
    x: range(first, end, step), y: range(first + step - 1, end, step), queries: range(end, end + m, 1),
  };
}

// Of a prompt: its parts with their shapes, those of a query too; how many numbers an example and a
// query have; the columns [start, stop] of each part in rows of these parts.
const queryPartsOf = ({ parts, query_parts }) => query_parts.map((name) => parts.find(([part]) => part === name));
const widthOf = (parts) => parts.reduce((total, [, shape]) => total + sizeOf(shape), 0);
const inputsOf = (prompt) => widthOf(prompt.parts);
const queryInputsOf = (prompt) => widthOf(queryPartsOf(prompt));
const columnsOf = (parts) => new Map(parts.map(([name, shape], i) => [name, [widthOf(parts.slice(0, i)), widthOf(parts.slice(0, i)) + sizeOf(shape)]]));
// A y as the numbers that it is: one stands alone.
const targetsIn = (y) => (Array.isArray(y) ? y : [y]);
// Examples (x, y) with a number y, and queries x.
const isRegression = ({ d, parts, query_parts, targets }) =>
  targets === 1 && query_parts.length === 1 && JSON.stringify(parts) === JSON.stringify([["x", [d]]]);

function embed(witness, data, tokens) {
  const { prompt, layout } = witness, given = {}, slots = [];
  const feature = (name, shape, carried) => {
    slots.push([name, shape]);
    const m = given[name] = new Matrix(tokens.total, sizeOf(shape));
    for (const [at, rows_] of carried) at.forEach((t, j) => rows_[j].forEach((x, i) => { m.v[t * m.c + i] = x; }));
  };
  const one = (f) => [[tokens.all, tokens.all.map((t) => [f(t)])]];
  const ofExample = columnsOf(prompt.parts), ofQuery = columnsOf(queryPartsOf(prompt));
  for (const [name, shape] of prompt.parts) {
    const examples = [tokens.x, data.X.map((x) => x.slice(...ofExample.get(name)))];
    const asked = ofQuery.has(name) ? [[tokens.queries, data.queries.map((q) => q.slice(...ofQuery.get(name)))]] : [];
    feature(name, shape, [examples, ...asked]);
    feature(`${name}_example`, shape, [examples]);
    if (asked.length) feature(`${name}_query`, shape, asked);
  }
  if (prompt.targets > 0) feature("y", prompt.targets === 1 ? [] : [prompt.targets], [[tokens.y, data.y.map(targetsIn)]]);
  feature("one", [], one(() => 1));
  feature("index", [], one((t) => t));
  feature("query", [], one((t) => Number(tokens.queries.includes(t))));
  feature("register", [], one((t) => Number(prompt.register && t === 0)));
  feature("position", [prompt.positions], [[tokens.all, tokens.all.map((t) => Array.from({ length: prompt.positions }, (_, p) => Number(p === t)))]]);
  for (const [name, rules] of prompt.encodings) {
    feature(name, [rules.length], []);
    encode(rules, tokens, given[name]);
  }
  const empty = {};
  for (const [name, shape] of layout.slots) empty[name] = new Matrix(tokens.total, sizeOf(shape));
  return sum(empty, applyMap(prompt.embedding, given, new Layout(slots), layout, {}));
}

// -- the transformer ----------------------------------------------------------------------------

// token t receives sum_j weight(<query_t, key_j>) value_j
function attend(head, stream, layout, tokens) {
  checkHead(head);
  const seen = head.keys === "context" ? tokens.context : tokens.all;
  const causal = head.keys === "causal", strictly = head.keys === "strictly causal";
  const queryFeatures = features(head.query, layout, {}), keyFeatures = features(head.key, layout, {});
  checkAlike(queryFeatures, keyFeatures, "query and key do not make the same features");
  const join = (map) => {
    const made = applyMap(map, stream, layout, null, {});
    const parts = queryFeatures.slots.map(([name]) => made[name]);
    return parts.length ? sideBySide(parts) : new Matrix(tokens.total, 1); // no feature: every score is 0
  };
  const query = join(head.query), key = join(head.key);
  const values = applyMap(head.value, stream, layout, layout, {});
  if (head.mix !== null) {
    const mix = transpose(ruleTable(head.mix, ["r", "c"], seen, seen, tokens));
    for (const [name, value] of Object.entries(values)) values[name] = withRows(value, seen, product(mix, rows(value, seen)));
  }
  const scores = product(query, transpose(rows(key, seen)));
  const mask = head.mask === null ? null : ruleTable(head.mask, ["t", "j"], tokens.all, seen, tokens);
  const counts = SHARES.includes(head.attention) || head.average === "keys"; // then who is seen matters
  const open = (t, j) => (!causal || seen[j] <= t) && (!strictly || seen[j] < t)
    && (mask === null || isSeen(mask.get(t, j), mask.error(t, j), counts));
  const weights = attentionWeights(head, scores, open, tokens.examples, mask);
  const result = {};
  for (const [name, value] of Object.entries(values)) result[name] = product(weights, rows(value, seen));
  return { head, seen, query, key, values, scores, weights, result };
}

function isSeen(value, error, counts) {
  if (counts && value !== 0 && Math.abs(value) <= error) throw new Error(`whether a mask of ${value} is 0 cannot be told`);
  return value !== 0 || (!counts && error !== 0);
}

function withRows(a, numbers, b) {
  const m = each(a, null, (x, ex) => [x, ex]);
  numbers.forEach((t, i) => {
    for (let j = 0; j < a.c; j++) { m.v[t * a.c + j] = b.get(i, j); m.e[t * a.c + j] = b.error(i, j); }
  });
  return m;
}

const exponential = (a) => each(a, null, (x, ex) => [Math.exp(x), Math.exp(x) * (Math.expm1(ex) + 8 * U)]);

function attentionWeights(head, scores, open, examples, mask) {
  const w = head.attention === "relu" ? relu(scores) : head.attention === "exponential" ? exponential(scores)
    : each(scores, null, (x, ex) => [x, ex]);
  for (let t = 0; t < w.r; t++) {
    const at = [];
    for (let j = 0; j < w.c; j++) {
      if (open(t, j)) at.push(t * w.c + j);
      else { w.v[t * w.c + j] = 0; w.e[t * w.c + j] = 0; }
    }
    if (!at.length && SHARES.includes(head.attention) && !head.null) throw new Error(`${head.attention} attention: token ${t + 1} sees no key`);
    if (head.attention === "softmax") softmaxRow(w, at, head.null);
    if (head.attention === "normalised") {
      let total = head.null ? 1 : 0, error = 0, size = total;
      for (const k of at) { total += w.v[k]; size += Math.abs(w.v[k]); error += w.e[k]; }
      error += (at.length + 1) * U * size;
      for (const k of at) {
        const q = w.v[k] / total;
        w.e[k] = (w.e[k] + Math.abs(q) * error) / Math.abs(total) + U * Math.abs(q);
        w.v[k] = q;
      }
    }
    const divisor = head.average === "examples" ? examples : head.average === "keys" ? at.length : 1;
    if (divisor !== 1) {
      for (const k of at) { w.v[k] /= divisor; w.e[k] = w.e[k] / divisor + U * Math.abs(w.v[k]); }
    }
    for (const k of mask === null ? [] : at) {
      const x = w.v[k], y = mask.v[k];
      w.v[k] = x * y;
      w.e[k] = Math.abs(x) * mask.e[k] + (Math.abs(y) + mask.e[k]) * w.e[k] + U * Math.abs(x * y);
    }
  }
  return w;
}

// Softmax of one row over the keys `at`; `extra` is one more logit, 0.
function softmaxRow(w, at, extra) {
  const top = Math.max(...at.map((k) => w.v[k]), extra ? 0 : -Infinity);
  const error = Math.max(...at.map((k) => w.e[k]), 0);
  let total = extra ? Math.exp(-top) : 0;
  for (const k of at) { w.v[k] = Math.exp(w.v[k] - top); total += w.v[k]; }
  for (const k of at) {
    w.v[k] /= total;
    w.e[k] = w.v[k] * (2 * error + (at.length + 8 + Math.abs(Math.log(w.v[k] || 1))) * U);
  }
}

const PLAIN_NORM = { kind: "layer", epsilon: 0, gain: [], bias: [] };

// gain * u / sqrt(mean(u^2) + epsilon) + bias of each token over all hidden units; u = h - mean for
// the layer norm, h for the rms norm. Without a norm the stream as it is.
function normalise(norm, stream, layout) {
  if (norm === null || norm === false) return stream;
  const { kind, epsilon, gain, bias } = norm === true ? PLAIN_NORM : norm;
  const centred = oneOf(kind, NORMS, "kind of a norm") === "layer";
  const names = layout.slots.map(([name]) => name);
  const whole = sideBySide(names.map((name) => stream[name]));
  for (let t = 0; t < whole.r; t++) {
    const row = whole.v.subarray(t * whole.c, (t + 1) * whole.c);
    const bound = whole.e.subarray(t * whole.c, (t + 1) * whole.c);
    const mean = centred ? row.reduce((a, b) => a + b, 0) / whole.c : 0;
    const size = row.reduce((a, b) => a + Math.abs(b), 0) / whole.c;
    const error = Math.max(...bound) + (whole.c + 1) * U * size;
    const deviation = Math.sqrt(row.reduce((a, b) => a + (b - mean) ** 2, 0) / whole.c + epsilon);
    row.forEach((x, i) => {
      const v = (x - mean) / deviation;
      bound[i] = ((bound[i] + error) * (1 + Math.abs(v))) / deviation + (whole.c + 8) * U * Math.abs(v);
      row[i] = v;
    });
  }
  const made = {};
  let start = 0;
  for (const name of names) {
    made[name] = columns(whole, start, start + stream[name].c);
    start += stream[name].c;
  }
  const given = (numbers, m) => fromRows(Array.from({ length: m.r }, () => Array.from({ length: m.c }, (_, i) => numbers[numbers.length === 1 ? 0 : i])), m.c);
  const inexact = (m) => each(m, null, (x) => [x, Number.isInteger(x) ? 0 : 2 * U * Math.abs(x)]);
  for (const [name, numbers] of gain) made[name] = multiply(made[name], inexact(given(numbers, made[name])));
  for (const [name, numbers] of bias) made[name] = add(made[name], inexact(given(numbers, made[name])));
  return made;
}

const ACTIVATIONS = { identity: (a) => a, relu, gelu };

// outer(activation(inner(stream)) * gate(stream)). Without inner the units are the stream itself,
// and a slot that the gate does not write is multiplied by 0.
function perceive(mlp, stream, layout) {
  const activation = ACTIVATIONS[oneOf(mlp.activation, Object.keys(ACTIVATIONS), "activation")];
  const { letters } = mlp;
  const hiddenLayout = mlp.inner === null ? layout : features(mlp.inner, layout, letters);
  const inner = mlp.inner === null ? stream : applyMap(mlp.inner, stream, layout, null, letters);
  let gate = null;
  if (mlp.gate !== null) {
    const made = features(mlp.gate, layout, letters);
    const units = mlp.inner !== null ? hiddenLayout : new Layout(made.slots.map(([name]) => [name, layout.shape(name)]));
    checkAlike(made, units, "gate and inner do not make the same hidden units");
    gate = applyMap(mlp.gate, stream, layout, hiddenLayout, letters);
  }
  const active = {}, hidden = {};
  for (const [name, shape] of hiddenLayout.slots) {
    active[name] = activation(inner[name]);
    if (gate) gate[name] ??= new Matrix(inner[name].r, sizeOf(shape));
    hidden[name] = gate ? multiply(active[name], gate[name]) : active[name];
  }
  return { inner, active, gate, hidden, hiddenLayout, result: applyMap(mlp.outer, hidden, hiddenLayout, layout, letters) };
}

// stream += heads(attention_norm(stream)); stream = after_attention(stream); then
// stream += mlp(norm(stream)); stream = after_mlp(stream)
function applyLayer(layer, stream, layout, tokens) {
  checkLayer(layer, layout);
  const read = normalise(layer.attention_norm, stream, layout);
  const heads = layer.heads.map((head) => attend(head, read, layout, tokens));
  let after = stream;
  for (const head of heads) after = sum(after, head.result);
  after = normalise(layer.after_attention, after, layout);
  const record = { layer, before: stream, heads, middle: after, after };
  if (layer.mlp !== null) {
    record.normed = normalise(layer.norm, after, layout);
    record.mlp = perceive(layer.mlp, record.normed, layout);
    record.after = sum(after, record.mlp.result);
  }
  record.after = normalise(layer.after_mlp, record.after, layout);
  return record;
}

// steps[0] is the embedded prompt, steps[k] what layer k did to it
function run(witness, data) {
  checkWitness(witness);
  checkData(witness, data);
  const tokens = tokensOf(witness.prompt, data.X.length, data.queries.length);
  const steps = [{ after: embed(witness, data, tokens) }];
  for (const layer of witness.layers) {
    steps.push(applyLayer(layer, steps[steps.length - 1].after, witness.layout, tokens));
  }
  return { witness, data, tokens, steps, predictions: readOut(witness, steps[steps.length - 1].after, tokens) };
}

// The tokens at which is predicted, and what: all numbers of the slot, token after token.
const readTokens = ({ readout }, tokens) =>
  ({ query: tokens.queries, examples: tokens.x, all: tokens.all })[oneOf(readout.tokens, READOUTS, "tokens of a read-out")];

function readOut(witness, stream, tokens) {
  const { slot, value } = witness.readout, [name, index] = splitEntry(slot), size = sizeOf(witness.layout.shape(slot));
  return readTokens(witness, tokens).flatMap((t) =>
    Array.from({ length: size }, (_, i) => value * stream[name].get(t, index ?? i)));
}
