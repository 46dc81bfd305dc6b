// From what is chosen on the page to numbers: the witness at this size, its run on this prompt,
// what it should hold, what the algorithm and least squares say.

// The member of a family at these sizes and words; none where one is not on offer.
function memberOf(family, parameters) {
  if (!family.letters.every((name) => family.axes[name].includes(parameters[name]))) return undefined;
  return family.members[Object.keys(family.axes).filter((name) => !family.letters.includes(name))
    .map((name) => String(parameters[name]))
    .concat(family.zero.map((name) => (parameters[name] === 0 ? "1" : "0"))).join(",")];
}

// The start, the steps 1 … k (the last that is listed is every later one, too) and the end as
// layers in a row; the dimension d stands where its letter stood.
function variantOf(family, pools, parameters) {
  const member = memberOf(family, parameters);
  if (!member) return null;
  const { start, steps, end, count, ...parts } = member;
  const k = typeof count === "string" ? parameters[count] : count;
  const d = member.prompt.d === "d" ? parameters.d : member.prompt.d;
  const sized = (axis) => (axis === "d" ? d : axis), sizedSlot = ([name, shape]) => [name, shape.map(sized)];
  const layers = [[start, 0]];
  for (let i = 1; i <= k && steps.length; i++) layers.push([steps[Math.min(i, steps.length) - 1], i]);
  layers.push([end, k]);
  return {
    ...parts,
    layout: member.layout.map(sizedSlot),
    prompt: { ...member.prompt, d, parts: member.prompt.parts?.map(sizedSlot), targets: sized(member.prompt.targets) },
    layers: layers.flatMap(([numbers, step]) => numbers.map((i) => ofStep(pools.layers[i], pools, step)))
      .map((layer) => (layer.mlp?.letters ? { ...layer, mlp: { ...layer.mlp,
        letters: Object.fromEntries(layer.mlp.letters.map(([letter, size]) => [letter, sized(size)])) } } : layer)),
    course: { count, k, start: start.length, step: (steps[0] ?? []).length, end: end.length },
  };
}

// A layer as that of step k: what its slots hold is a tree and, for people, MathML.
function ofStep(layer, pools, k) {
  const holds = layer.holds.map(([slot, formula, tokens]) => [slot, pools.formulas[formula][0], tokens, pools.formulas[formula][1]]);
  return JSON.parse(JSON.stringify({ ...layer, holds }).replaceAll("{k}", k));
}

// One member of a family as a witness with numbers for coefficients. `edits` replaces
// coefficients by path ("layers.0.heads.1.value.0" -> number).
function assemble(family, pools, parameters, edits) {
  const variant = variantOf(family, pools, parameters);
  if (!variant) return null;
  const scope = new Scope(parameterScope({ ...family.fixed, ...parameters }));
  const value = (tree) => evaluate(tree, scope).v[0];
  const blocks = (map, path) => map === null ? null : pools.maps[map]?.map((block, i) => ({
    ...block,
    path: `${path}.${i}`,
    original: value(block.c),
    value: edits[`${path}.${i}`] ?? value(block.c),
    matrix: block.matrix && block.matrix.map((row) => row.map(value)),
  }));
  const layers = variant.layers.map((layer, k) => {
    const path = `layers.${k}`;
    return {
      ...layer,
      heads: layer.heads.map((head, h) => {
        const made = { ...head };
        for (const map of ["query", "key", "value"]) {
          made[map] = blocks(head[map], `${path}.heads.${h}.${map}`);
        }
        for (const rule of ["mask", "mix"]) made[rule] = head[rule] && ruleOf(head[rule], value);
        return made;
      }),
      ...Object.fromEntries(["norm", "attention_norm", "after_attention", "after_mlp"]
        .map((place) => [place, typeof layer[place] === "object" ? normOf(layer[place], value) : layer[place]])),
      mlp: layer.mlp && {
        ...layer.mlp,
        inner: blocks(layer.mlp.inner, `${path}.mlp.inner`),
        gate: blocks(layer.mlp.gate, `${path}.mlp.gate`),
        outer: blocks(layer.mlp.outer, `${path}.mlp.outer`),
      },
    };
  });
  const { c, ...readout } = variant.readout;
  return {
    ...variant,
    layout: new Layout(variant.layout),
    prompt: {
      ...variant.prompt, embedding: blocks(variant.prompt.embedding, "embedding"),
      encodings: variant.prompt.encodings?.map(([name, rules]) => [name, rules.map((rule) => ruleOf(rule, value))]),
    },
    layers,
    readout: { ...readout, value: value(c) },
    vectors: Object.fromEntries(Object.entries(variant.vectors).map(([name, v]) => [name, v.map((entry) => entryOf(entry, value))])),
    definitions: variant.definitions.map((i) => pools.definitions[i]),
    approximate: layers.some((layer) =>
      layer.norm || layer.attention_norm || layer.after_attention || layer.after_mlp || layer.mlp?.activation === "gelu"
      || layer.heads.some((head) => head.attention === "softmax" || head.attention === "exponential")),
  };
}

// An entry of a vector with numbers for trees; rows and matrices stand in brackets of their own.
const entryOf = (entry, value) => (Array.isArray(entry) && Array.isArray(entry[0])
  ? entry[0].map((one) => entryOf(one, value)) : value(entry));

// A rule, and a norm, with numbers for trees; what is no field of theirs stays, to be refused.
const ruleOf = (rule, value) => ({
  ...rule,
  constants: Array.isArray(rule.constants) ? rule.constants.map(([name, tree]) => [name, constantOf(tree, value)]) : rule.constants,
  matrix: Array.isArray(rule.matrix) ? rule.matrix.map((row) => row.map(value)) : rule.matrix,
});
const normOf = (norm, value) => norm && {
  ...norm,
  ...(norm.epsilon === undefined ? {} : { epsilon: value(norm.epsilon) }),
  ...Object.fromEntries(["gain", "bias"].filter((what) => Array.isArray(norm[what]))
    .map((what) => [what, norm[what].map(([slot, numbers]) => [slot, numbers.map(value)])])),
};

// Predictions at the queries if the stream were read after layer k: the read-out slot itself, or
// what the last layer makes of the stream as it is now.
function lens(result, k, kind) {
  const { witness, tokens, steps } = result, last = witness.layers.length;
  let stream = steps[k].after;
  if (kind === "last layer" && k < last) {
    stream = applyLayer(witness.layers[last - 1], stream, witness.layout, tokens).after;
  }
  return readOut(witness, stream, tokens);
}

// Everything that one witness gives on one prompt. The read-out of `reference` says what the
// prediction should be; `repaired` has the unchanged, repaired weights, which show how near they come.
function examine(witness, data, parameters, reference, repaired) {
  const result = run(witness, data);
  const expected = expectations(witness, data, { ...parameters, ...witness.vectors }, result.tokens);
  const slack = witness.approximate ? slackOf(result, repaired, data, parameters) : null;
  const answers = reference && answersOf(reference, data, parameters);
  return { witness, result, expected, comparison: compare(result, expected, slack, answers) };
}

// The algorithm's own answers, from the formula that the read-out slot holds in the end; null if
// there is none.
function answersOf(witness, data, parameters) {
  const last = witness.layers[witness.layers.length - 1], { slot, value, tokens: at } = witness.readout, { prompt } = witness;
  const first = readTokens(witness, tokensOf(prompt, data.X.length, 1))[0];
  const held = last && last.holds.find((h) => h[0] === slot && (h[2] === "all" || h[2] === at || h[2] === first
    || (h[2] === "context" && at === "examples")));
  if (!held) return null;
  const tokens = tokensOf(prompt, data.X.length, data.queries.length);
  const scope = promptScope(data, prompt, { ...parameters, ...witness.vectors }, witness.definitions);
  return readTokens(witness, tokens).map((t) =>
    scale(number(value), evaluate(held[1], tokenScope(scope, data, tokens, prompt, t))));
}

// GeLU, softmax and layer norm only come close. What the unchanged weights leave open at their
// worst slot on this prompt is granted to every slot, in proportion to the size of the numbers.
function slackOf(result, repaired, data, parameters) {
  const made = run(repaired, data);
  const open = compare(made, expectations(repaired, data, { ...parameters, ...repaired.vectors }, made.tokens), Infinity);
  return open.worst * (1 + largest(result) / largest(made));
}

function largest(result) {
  let most = 0;
  for (const [name] of result.witness.layout.slots) {
    for (const step of result.steps) for (const v of step.after[name].v) if (Number.isFinite(v)) most = Math.max(most, Math.abs(v));
  }
  return most;
}

// Whether a number is predicted at every query.
const predictsNumber = ({ readout, layout }) =>
  readout.tokens === "query" && sizeOf(new Layout(layout).shape(readout.slot)) === 1;

// Eigenvalues of S, the solution that the algorithm is after, what is left of the error in the
// worst direction after one step (`left` is [that, how often it is multiplied]), and the limit
// that a parameter has to be below, or at least. Where prompts are no regressions, of X alone.
function analyse(lesson, family, variant, data, d, parameters) {
  const regression = Boolean(variant) && isRegression(variant.prompt), predictsY = regression && predictsNumber(variant);
  const X = fromRows(data.X), y = fromRows(data.y.map((v) => [regression ? v : 0]), 1);
  const parts = eigen(product(transpose(X), X));
  const right = Array.from(product(transpose(X), y).v);
  const top = Math.max(...parts.values);
  const kept = parts.values.filter((s) => s > top * d * 2 ** -50);
  const words = {}; // "mean" is 1 where the loss is "mean"
  for (const word of Object.values(family.axes).flat()) if (typeof word === "string") words[word] = number(0);
  for (const value of Object.values(parameters)) if (typeof value === "string") words[value] = number(1);
  const scope = new Scope({
    ...parameterScope(parameters), ...words, n: number(data.X.length), d: number(d),
    top: number(top), bottom: number(kept.length ? Math.min(...kept) : 0), least: number(kept.length ? Math.min(...kept) : 0),
  });
  const left = (variant && variant.left) ?? lesson.left, region = variant && variant.region;
  const shift = lesson.shift ? evaluate(lesson.shift, scope).v[0] : 0;
  const factors = left
    ? kept.map((s) => evaluate(left[0], new Scope({ s: number(s, 0) }, null, scope)).v[0]) : [];
  return {
    eigenvalues: [...parts.values].sort((a, b) => b - a), top, scope,
    leastSquares: solve(parts, 0, right), target: solve(parts, shift, right),
    factor: factors.length ? Math.max(...factors.map(Math.abs)) : null, power: left && left[1],
    limit: region ? { name: region[0], below: region[2] === "<", value: evaluate(region[1], scope).v[0] } : null,
    condition: kept.length ? top / Math.min(...kept) : NaN, regression, predictsY,
  };
}

// The bound on the error that the theory gives after layer k, from the steps done by then.
function theory(lesson, analysis, { count, k: steps, start, step, end }, k, x) {
  if (analysis.factor === null) return null;
  const ahead = lesson.lens === "last layer" && end === 0 ? step : 0; // read through one step more
  const done = Math.max(0, Math.min(steps, Math.floor((k + ahead - start) / step)));
  const power = evaluate(analysis.power, new Scope({ [count]: number(done) })).v[0];
  return norm(x) * norm(analysis.target) * analysis.factor ** power;
}

const norm = (x) => Math.sqrt(x.reduce((total, v) => total + v * v, 0));
const dot = (x, w) => x.reduce((total, v, i) => total + v * w[i], 0);

// -- prompts --------------------------------------------------------------------------------------

// mulberry32, then Box-Muller
function gaussians(seed) {
  let a = seed >>> 0;
  const uniform = () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

// n examples of a prompt, S of the given condition number (where n is as large as it), every y a
// linear function of x and some noise; two decimals, so that they can be read and typed
function randomPrompt(prompt, n, condition, seed) {
  const draw = gaussians(seed), inputs = inputsOf(prompt);
  const columns_ = Array.from({ length: inputs }, () => Array.from({ length: n }, draw));
  columns_.forEach((column_, i) => {
    for (let j = 0; j < Math.min(i, n); j++) {
      const along = dot(column_, columns_[j]);
      column_.forEach((_, k) => { column_[k] -= along * columns_[j][k]; });
    }
    const length = norm(column_);
    if (i < n && length > 1e-9) column_.forEach((_, k) => { column_[k] /= length; });
  });
  const turn = inputs > 1 ? draw() : 0;
  const rank = Math.min(inputs, n);
  const singular = (i) => Math.sqrt(n) * condition ** (-0.5 * (rank > 1 ? i / (rank - 1) : 0));
  const round = (x) => Math.round(x * 100) / 100 || 0;
  const X = Array.from({ length: n }, (_, k) => {
    const x = columns_.map((column_, i) => (i < rank ? column_[k] * singular(i) : 0));
    if (inputs > 1) { // a rotation, so that the axes of S are not the coordinates
      const [c, s] = [Math.cos(turn), Math.sin(turn)];
      [x[0], x[1]] = [c * x[0] - s * x[1], s * x[0] + c * x[1]];
    }
    return x.map(round);
  });
  const ws = Array.from({ length: prompt.targets }, () => Array.from({ length: inputs }, draw));
  const targets = X.map((x) => ws.map((w) => round(dot(x, w) + 0.15 * draw())));
  const y = prompt.targets === 1 ? targets.flat() : targets;
  return { X, y, queries: queryInputsOf(prompt) ? [Array.from({ length: queryInputsOf(prompt) }, () => round(draw()))] : [] };
}
