// What the pictures show, run: every number comes out of the interpreter and the exported weights.

const STORY = whole(JSON.parse(byId("data").textContent));
const GOAL = 1e-6; // the race is over at this error
const FURTHEST = 3000; // layers, beyond which gradient descent is not followed

function witnessOf(name, parameters, edits) {
  const family = STORY.families[name];
  return assemble(family, STORY.pools, { ...family.start, ...family.scalars, d: 2, ...parameters }, edits ?? {});
}

// S = XᵀX of a prompt: its eigenvalues, the direction of the smaller one, the best line.
function shapeOf(data) {
  const X = fromRows(data.X, 2), y = fromRows(data.y.map((v) => [v]), 1);
  const S = product(transpose(X), X), parts = eigen(S), { values, vectors } = parts;
  const [i, j] = values[0] >= values[1] ? [0, 1] : [1, 0];
  const top = values[i], bottom = Math.max(values[j], 0);
  return {
    S, parts, top, bottom, condition: bottom > 0 ? top / bottom : Infinity,
    valley: [vectors[j], vectors[2 + j]], right: Array.from(product(transpose(X), y).v),
  };
}
const bestLine = (shape, ridge) => solve(shape.parts, ridge ?? 0, shape.right);

// The rule for each: the best that is known from the largest and the smallest eigenvalue of S.
const RULES = {
  gradient_descent: ({ top, bottom }) => ({ step_size: 1 / (top + bottom), ridge: 0, loss: "sum" }),
  newton_carried: ({ top, bottom }) => ({ alpha: 2 / (top + bottom), start: "identity" }),
  newton: ({ top, bottom }) => ({ alpha: 2 / (top ** 2 + bottom ** 2), attention: "linear", prompt: "joint" }),
  hyperpower: ({ top, bottom }) => ({ alpha: 2 / (top + bottom) }),
  sherman_morrison: ({ top, bottom }) => ({ ridge: Math.max(bottom, top * 1e-9) / 10, storage: "tokens" }),
};
const LENSES = { newton: "last layer" };

// Asked at ?, at (1, 0) and (0, 1), whose answers are slope and height, and at every example.
const asking = (data) => ({ ...data, queries: [data.queries[0], [1, 0], [0, 1], ...data.X] });

// What a head gives token t: a score and a value for each example, their product, and the sum.
function terms(head, tokens, t, slot, entry) {
  const at = tokens.x.map((token) => head.seen.indexOf(token));
  return {
    scores: at.map((j) => head.scores.get(t, j)),
    values: tokens.x.map((token) => head.values[slot].get(token, entry)),
    products: at.map((j, i) => head.weights.get(t, j) * head.values[slot].get(tokens.x[i], entry)),
    total: head.result[slot].get(t, entry),
  };
}

// A transformer on the prompt, layer by layer: lines, answers at ? and at the examples, and
// what the next layer adds. `shown(k)` says which slots and entries those are.
function scene(name, parameters, data, count, shown) {
  const witness = witnessOf(name, parameters), result = run(witness, asking(data)), { tokens } = result;
  const read = Array.from({ length: count + 1 }, (_, k) => lens(result, k, LENSES[name] ?? "slot"));
  return {
    name, count, result, parameters, unit: "layer",
    lines: read.map((p) => [p[1], p[2]]), asked: read.map((p) => p[0]), fits: read.map((p) => p.slice(3)),
    adds: read.map((_, k) => (shown ? shown(Math.min(k, witness.layers.length - 1)) : []).map(([slot, entry]) =>
      terms(result.steps[Math.min(k, witness.layers.length - 1) + 1].heads[0], tokens, tokens.queries[0], slot, entry))),
  };
}

function descent(data, step_size) {
  const { steps } = STORY.families.gradient_descent.axes, given = { step_size, ridge: 0, loss: "sum", steps: steps[0] };
  return scene("gradient_descent", given, data, steps[0] - 1, () => [["fit", 0]]);
}

// Newton's layers: M_0, the iterations, and the one that reads the prediction.
function newtonScene(data) {
  const iterations = STORY.families.newton.axes.iterations[0], given = RULES.newton(shapeOf(data));
  const made = scene("newton", { ...given, iterations }, data, iterations + 2,
    (k) => (k <= iterations ? [["t", 0], ["t", 1]] : [["p", 0]]));
  const { steps, tokens } = made.result, [, first, second] = tokens.queries;
  const columns_ = (k) => [first, second].map((t) => steps[k].after.t).map((m, i) => [m.get([first, second][i], 0), m.get([first, second][i], 1)]);
  made.guesses = steps.map((_, k) => transpose(fromRows(columns_(k)))); // column i is M e_i
  return made;
}

// -- the race -------------------------------------------------------------------------------------

const apart = (w, goal) => norm(w.map((v, i) => v - goal[i])) / (norm(goal) || 1);

function racer(name, data, shape) {
  const given = RULES[name](shape), { deepest, families } = STORY;
  const counts = Object.fromEntries(Object.entries(families[name].axes)
    .filter(([, sizes]) => typeof sizes[0] === "number").map(([axis, sizes]) => [axis, Math.max(...sizes)]));
  const witness = witnessOf(name, { ...given, ...counts });
  const made = scene(name, { ...given, ...counts }, data, Math.min(deepest, witness.layers.length));
  const goal = bestLine(shape, name === "sherman_morrison" ? given.ridge : 0);
  // a network of k layers reads after its last one: what `newton` reads so after k - 1 of its own
  const ahead = LENSES[name] ? 1 : 0;
  const lines = made.lines.map((_, k) => (k >= ahead && k > 0 ? made.lines[k - ahead] : [0, 0]));
  const errors = lines.map((w) => apart(w, goal));
  return { ...made, lines, goal, errors, reached: errors.findIndex((e) => e <= GOAL),
    asked: lines.map((w, k) => made.asked[Math.max(0, k - ahead)]),
    fits: made.fits.map((_, k) => made.fits[Math.max(0, k - ahead)]) };
}

// Gradient descent goes on with its layer until the goal: how many it takes.
function followOn(made, data) {
  const { witness, tokens } = made.result, layer = witness.layers[witness.layers.length - 1];
  let { after } = made.result.steps[made.result.steps.length - 1];
  for (let k = witness.layers.length + 1; k <= FURTHEST; k++) {
    after = applyLayer(layer, after, witness.layout, tokens).after;
    const p = readOut(witness, after, tokens);
    if (apart([p[1], p[2]], made.goal) <= GOAL) return k;
  }
  return null;
}

// -- the printed weights ----------------------------------------------------------------------------

// The signs of Q, K and V of the two heads, in every layer of a witness that has such a pair.
const PAIRS = /^(attention|iteration)/;
function signsFlipped(witness, flipped) {
  const edits = {};
  for (const layer of witness.layers.filter((one) => PAIRS.test(one.name))) {
    for (const name of flipped) {
      const map = { Q: "query", K: "key", V: "value" }[name[0]];
      layer.heads[Number(name[1]) - 1][map].forEach((block) => { edits[block.path] = -block.value; });
    }
  }
  return edits;
}

// The printed network with 0, 1, … iterations, signs flipped as the reader has them; what the
// pair of heads gives the first example, and what the repaired pair gives it.
function printedScene(data, flipped) {
  const { alpha } = RULES.newton(shapeOf(data));
  const sizes = STORY.families.printed.axes.iterations, examples = data.X.length;
  const asked = { ...data, queries: [data.queries[0]] };
  const results = sizes.map((iterations) => {
    const given = { examples, iterations, alpha };
    return run(witnessOf("printed", given, signsFlipped(witnessOf("printed", given), flipped)), asked);
  });
  const right = sizes.map((iterations) => run(witnessOf("repaired", { examples, iterations, alpha }), asked));
  const last = (result) => result.steps[result.steps.length - 1].after;
  const pair = (result) => {
    const [one, two] = result.steps[2].heads.map((head) => terms(head, result.tokens, 0, "top", 1));
    return { one, two, products: one.products.map((p, j) => p + two.products[j]), total: one.total + two.total };
  };
  const made = pair(results[0]), should = pair(right[0]);
  const lines = results.map((result) => Array.from(last(result).fetched.v.slice(-2)));
  return {
    name: "printed", unit: "iteration", count: sizes.length - 1, parameters: { alpha }, lines,
    asked: results.map((result) => result.predictions[0]), right: right.map((result) => result.predictions[0]),
    fits: lines.map((w) => data.X.map((x) => dot(x, w))),
    adds: lines.map(() => [{ scores: made.one.scores, values: made.one.values, products: made.products, total: made.total,
      should: should.products, rightTotal: should.total, heads: [made.one.products, made.two.products] }]),
  };
}
