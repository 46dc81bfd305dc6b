// What a witness does to a prompt: the transformer, from its exported layers.
// A stream is {slot: Matrix of (tokens, size)}. Every layer leaves a record of what it did.

// -- slot maps ------------------------------------------------------------------------------

const splitEntry = (reference) => {
  const found = /^(.+)\[(\d+)\]$/.exec(reference);
  return found ? [found[1], Number(found[2])] : [reference, null];
};
const sizeOf = (shape) => shape.reduce((size, axis) => size * axis, 1);

// Shapes by slot name; an entry `slot[i]` is one number.
class Layout {
  constructor(slots) { this.slots = slots; this.shapes = new Map(slots); }
  shape(reference) {
    const [name, index] = splitEntry(reference);
    return index === null ? this.shapes.get(name) : [];
  }
}

// The shape that a block gives its source; `letters` sizes an axis that it repeats.
function outputShape(block, source, letters) {
  if (block.matrix) return [block.matrix.length];
  if (!block.pattern) return source;
  const [left, right] = block.pattern.split("<-");
  const known = { ...letters };
  [...right].forEach((letter, axis) => { known[letter] = source[axis]; });
  return [...left].map((letter) => known[letter]);
}

// Non-zero entries [row, column, factor] of a block's matrix, its coefficient left out.
function entries(block, destination, source) {
  if (block.matrix) {
    return block.matrix.flatMap((row, i) => row.map((x, j) => [i, j, x]).filter((at) => at[2] !== 0));
  }
  if (!block.pattern) {
    return Array.from({ length: sizeOf(source) }, (_, i) => [i, i, 1]);
  }
  const [left, right] = block.pattern.split("<-");
  const sizes = {};
  [...left].forEach((letter, axis) => { sizes[letter] = destination[axis]; });
  [...right].forEach((letter, axis) => { sizes[letter] = source[axis]; });
  const letters = Object.keys(sizes);
  let places = [{}];
  for (const letter of letters) {
    places = places.flatMap((at) =>
      Array.from({ length: sizes[letter] }, (_, i) => ({ ...at, [letter]: i })));
  }
  const flat = (word, at) => [...word].reduce((index, letter) => index * sizes[letter] + at[letter], 0);
  return places.map((at) => [flat(left, at), flat(right, at), 1]);
}

// slots(source): {destination: Matrix}; destinations are slots of `to`, or named by the map.
function applyMap(map, source, from, to, letters) {
  const made = {};
  for (const block of map) {
    const [name, index] = splitEntry(block.from);
    const [target, place] = to ? splitEntry(block.to) : [block.to, null];
    const a = source[name];
    const shape = to ? to.shape(block.to) : outputShape(block, from.shape(block.from), letters);
    const whole = to ? to.shape(target) : shape;
    made[target] ??= new Matrix(a.r, sizeOf(whole));
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

const sum = (stream, more) => {
  const after = { ...stream };
  for (const [name, m] of Object.entries(more)) after[name] = add(after[name], m);
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
  const first = prompt.register ? 1 : 0, step = prompt.form === "interleaved" ? 2 : 1;
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

function embed(witness, data, tokens) {
  const { prompt, layout } = witness, { X, y, queries } = data;
  const one = (f) => fromRows(tokens.all.map((t) => [f(t)]), 1);
  const features = {
    x: new Matrix(tokens.total, prompt.d), x_example: new Matrix(tokens.total, prompt.d),
    x_query: new Matrix(tokens.total, prompt.d), y: new Matrix(tokens.total, 1), one: one(() => 1),
    index: one((t) => t), query: one((t) => Number(tokens.queries.includes(t))),
    register: one((t) => Number(prompt.register && t === 0)),
    position: fromRows(
      tokens.all.map((t) => Array.from({ length: prompt.positions }, (_, p) => Number(p === t))),
      prompt.positions),
  };
  const put = (name, t, x) => x.forEach((value, i) => { features[name].v[t * prompt.d + i] = value; });
  for (const name of ["x", "x_example"]) tokens.x.forEach((t, j) => put(name, t, X[j]));
  for (const name of ["x", "x_query"]) tokens.queries.forEach((t, j) => put(name, t, queries[j]));
  tokens.y.forEach((t, j) => { features.y.v[t] = y[j]; });
  const from = new Layout([["x", [prompt.d]], ["y", []], ["one", []], ["index", []],
    ["position", [prompt.positions]], ["query", []], ["register", []],
    ["x_example", [prompt.d]], ["x_query", [prompt.d]]]);
  const empty = {};
  for (const [name, shape] of layout.slots) empty[name] = new Matrix(tokens.total, sizeOf(shape));
  return sum(empty, applyMap(prompt.embedding, features, from, layout));
}

// -- the transformer ----------------------------------------------------------------------------

// token t receives sum_j weight(<query_t, key_j>) value_j
function attend(head, stream, layout, tokens) {
  const seen = head.keys === "context" ? tokens.context : tokens.all;
  const causal = head.keys === "causal";
  const names = [...new Set(head.query.map((block) => block.to))];
  const join = (map) => {
    const made = applyMap(map, stream, layout, null, {});
    const parts = names.filter((name) => made[name]).map((name) => made[name]);
    return parts.length ? sideBySide(parts) : new Matrix(tokens.total, 1);
  };
  const query = join(head.query), key = join(head.key);
  const values = applyMap(head.value, stream, layout, layout);
  const scores = product(query, transpose(rows(key, seen)));
  const open = (t, j) => !causal || seen[j] <= t;
  const weights = attentionWeights(head, scores, open, tokens.examples);
  const result = {};
  for (const [name, value] of Object.entries(values)) result[name] = product(weights, rows(value, seen));
  return { head, seen, query, key, values, scores, weights, result };
}

function attentionWeights(head, scores, open, examples) {
  const w = head.attention === "relu" ? relu(scores) : each(scores, null, (x, ex) => [x, ex]);
  for (let t = 0; t < w.r; t++) {
    const at = [];
    for (let j = 0; j < w.c; j++) {
      if (open(t, j)) at.push(t * w.c + j);
      else { w.v[t * w.c + j] = 0; w.e[t * w.c + j] = 0; }
    }
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
    const linear = head.attention === "linear" || head.attention === "relu";
    const causal = at.length < w.c || head.keys === "causal";
    const divisor = head.average === "examples" ? examples
      : head.average === "keys" && (linear || !causal) ? at.length : 1;
    if (divisor !== 1) {
      for (const k of at) { w.v[k] /= divisor; w.e[k] = w.e[k] / divisor + U * Math.abs(w.v[k]); }
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

// (h - mean) / sqrt(variance) of each token over all hidden units
function layerNorm(stream, layout) {
  const names = layout.slots.map(([name]) => name);
  const whole = sideBySide(names.map((name) => stream[name]));
  for (let t = 0; t < whole.r; t++) {
    const row = whole.v.subarray(t * whole.c, (t + 1) * whole.c);
    const bound = whole.e.subarray(t * whole.c, (t + 1) * whole.c);
    const mean = row.reduce((a, b) => a + b, 0) / whole.c;
    const size = row.reduce((a, b) => a + Math.abs(b), 0) / whole.c;
    const error = Math.max(...bound) + (whole.c + 1) * U * size;
    const deviation = Math.sqrt(row.reduce((a, b) => a + (b - mean) ** 2, 0) / whole.c);
    row.forEach((x, i) => {
      const v = (x - mean) / deviation;
      bound[i] = ((bound[i] + error) * (1 + Math.abs(v))) / deviation + (whole.c + 4) * U * Math.abs(v);
      row[i] = v;
    });
  }
  const made = {};
  let start = 0;
  for (const name of names) {
    made[name] = columns(whole, start, start + stream[name].c);
    start += stream[name].c;
  }
  return made;
}

const ACTIVATIONS = { identity: (a) => a, relu, gelu };

// outer(activation(inner(stream)) * gate(stream))
function perceive(mlp, stream, layout) {
  if (!mlp.inner) return { hidden: stream, result: applyMap(mlp.outer, stream, layout, layout) };
  const inner = applyMap(mlp.inner, stream, layout, null, mlp.letters);
  const gate = mlp.gate ? applyMap(mlp.gate, stream, layout, null, mlp.letters) : null;
  const hidden = {}, slots = [];
  for (const block of mlp.inner) {
    if (hidden[block.to]) continue;
    slots.push([block.to, outputShape(block, layout.shape(block.from), mlp.letters)]);
    hidden[block.to] = ACTIVATIONS[mlp.activation](inner[block.to]);
    if (gate) hidden[block.to] = multiply(hidden[block.to], gate[block.to]);
  }
  const hiddenLayout = new Layout(slots);
  return { inner, gate, hidden, hiddenLayout, result: applyMap(mlp.outer, hidden, hiddenLayout, layout) };
}

// stream += heads(stream); then stream += mlp(norm(stream))
function applyLayer(layer, stream, layout, tokens) {
  const heads = layer.heads.map((head) => attend(head, stream, layout, tokens));
  let after = stream;
  for (const head of heads) after = sum(after, head.result);
  const record = { layer, before: stream, heads, middle: after, after };
  if (layer.mlp) {
    record.normed = layer.norm ? layerNorm(after, layout) : after;
    record.mlp = perceive(layer.mlp, record.normed, layout);
    record.after = sum(after, record.mlp.result);
  }
  return record;
}

// steps[0] is the embedded prompt, steps[k] what layer k did to it
function run(witness, data) {
  const tokens = tokensOf(witness.prompt, data.X.length, data.queries.length);
  const steps = [{ after: embed(witness, data, tokens) }];
  for (const layer of witness.layers) {
    steps.push(applyLayer(layer, steps[steps.length - 1].after, witness.layout, tokens));
  }
  return { witness, data, tokens, steps, predictions: readOut(witness, steps[steps.length - 1].after, tokens) };
}

function readOut(witness, stream, tokens) {
  const [name, index] = splitEntry(witness.readout.slot);
  return tokens.queries.map((t) => witness.readout.value * stream[name].get(t, index ?? 0));
}
