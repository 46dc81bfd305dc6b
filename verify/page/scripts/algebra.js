// Formulas of the algorithm as trees: numbers, names, [operator, tree, …]; their values, and
// what the slots should hold.

const isNumber = (m) => m.r === 1 && m.c === 1;
// Functions of a number x that rounding may have moved by e: [value, how far that moves it].
const FUNCTIONS = {
  ceil: (x, e) => [Math.ceil(x), Math.ceil(x + e) - Math.ceil(x - e)],
  sqrt: (x, e) => rounded(Math.sqrt(x), x > 0 ? e / Math.sqrt(x) : Math.sqrt(e)),
  log: (x, e) => [Math.log(x), (e < x ? -Math.log1p(-e / x) : Infinity) + 2 * U * Math.abs(Math.log(x))],
  exp: (x, e) => [Math.exp(x), Math.exp(x) * (Math.expm1(e) + 2 * U)],
  abs: (x, e) => [Math.abs(x), e],
  erf: (x, e) => [erf(x), 1.13 * e + 8 * U],
};

function power_(a, b) {
  const [x, ex, y, ey] = [a.v[0], a.e[0], b.v[0], b.e[0]], v = x ** y;
  if (x === 0) return number(v, ex === 0 && ey === 0 ? 0 : ex ** y);
  if (ex >= Math.abs(x)) return number(v, Infinity);
  const moved = Math.abs(y) * -Math.log1p(-ex / Math.abs(x)) + Math.abs(Math.log(Math.abs(x))) * ey;
  const whole = Number.isInteger(v) && Math.abs(v) < 2 ** 53 && ex === 0 && ey === 0 && Number.isInteger(x) && y >= 0;
  return number(v, whole ? 0 : Math.abs(v) * (Math.expm1(moved) + 2 * U));
}

// A number beside a matrix stands for a matrix of that number.
function alike(a, b) {
  const spread = (m, like) => each(like, null, () => [m.v[0], m.e[0]]);
  if (isNumber(a) && !isNumber(b)) return [spread(a, b), b];
  if (isNumber(b) && !isNumber(a)) return [a, spread(b, a)];
  return [a, b];
}

function evaluate(tree, scope) {
  if (typeof tree === "number") return number(tree);
  if (typeof tree === "string") return scope.get(tree);
  if (!Array.isArray(tree)) throw new Error(`${JSON.stringify(tree) ?? "nothing"} is no formula`);
  const [operator, left, right] = tree;
  const wanted = ["+", "-", "*", "/", "**"].includes(operator) ? 3
    : ["neg", "T", "relu"].includes(operator) || Object.hasOwn(FUNCTIONS, operator) ? 2 : 0;
  if (wanted !== tree.length) throw new Error(`the operation ${operator} of ${tree.length - 1} is not known`);
  const a = evaluate(left, scope);
  if (operator === "neg") return negate(a);
  if (operator === "T") return transpose(a);
  if (operator === "relu") return relu(a);
  if (Object.hasOwn(FUNCTIONS, operator)) return number(...FUNCTIONS[operator](a.v[0], a.e[0]));
  const b = evaluate(right, scope);
  if (operator === "+") return add(...alike(a, b));
  if (operator === "-") return subtract(...alike(a, b));
  if (operator === "**") return power_(a, b);
  if (operator === "/") {
    const column = new Matrix(a.r, 1);
    column.v.fill(b.v[0]);
    column.e.fill(b.e[0]);
    return divideRows(a, column);
  }
  if (isNumber(a)) return scale(a, b);
  if (isNumber(b)) return scale(b, a);
  return product(a, b);
}

// Names with their values; definitions are worked out when first asked for.
class Scope {
  constructor(values, definitions, outer) {
    this.values = new Map(Object.entries(values));
    this.definitions = definitions ?? new Map();
    this.outer = outer;
  }
  get(name) {
    if (this.values.has(name)) return this.values.get(name);
    if (!this.definitions.has(name)) {
      if (this.outer) return this.outer.get(name);
      throw new Error(`${name} is not defined`);
    }
    const value = evaluate(this.definitions.get(name), this);
    this.values.set(name, value);
    return value;
  }
}

// Whether it is a list of matrices, one for each step.
const isEach = (value) => Array.isArray(value[0]) && Array.isArray(value[0][0]);

function parameterScope(parameters) {
  const values = {};
  for (const [name, value] of Object.entries(parameters)) {
    if (typeof value === "number") values[name] = number(value);
    if (Array.isArray(value) && !isEach(value)) values[name] = fromRows(value.map((x) => (Array.isArray(x) ? x : [x])));
  }
  return values;
}

const column = (numbers) => fromRows(numbers.map((x) => [x]), 1);
// A y as a number, or as a column of them.
const targetOf = (y, targets) => (targets === 1 ? number(targetsIn(y)[0], 0) : column(targetsIn(y)));

// X (or the parts of x by their names), y, n, I, O, x1, y1, … and the parameters
function promptScope(data, prompt, parameters, definitions) {
  const { d, targets, parts } = prompt, values = {
    y: fromRows(data.y.map(targetsIn), targets), n: number(data.X.length),
    I: identity(d), O: new Matrix(d, 1), ...parameterScope(parameters),
  };
  for (const [name, [start, stop]] of columnsOf(parts)) {
    values[name === "x" ? "X" : name] = fromRows(data.X.map((x) => x.slice(start, stop)), stop - start);
    if (name === "x") data.X.forEach((x, i) => { values[`x${i + 1}`] = column(x.slice(start, stop)); });
  }
  data.y.forEach((y, i) => { values[`y${i + 1}`] = targetOf(y, targets); });
  const defined = new Map(definitions.map(([name, tree]) => [name, tree]));
  for (const [name, list] of Object.entries(parameters)) {  // of eta also eta1, eta2, …
    if (!Array.isArray(list) || (Array.isArray(list[0]) && !isEach(list))) continue;
    list.forEach((entry, i) => {
      const one = `${name}${i + 1}`;
      if (!(one in values) && !defined.has(one)) values[one] = isEach(list) ? fromRows(entry) : number(entry);
    });
  }
  return new Scope(values, defined);
}

// x_t (or every part by its name) and y_t of one token; what it does not carry is 0
function tokenScope(outer, data, tokens, prompt, t) {
  const at = tokens.x.indexOf(t), asked = tokens.queries.indexOf(t), answered = tokens.y.indexOf(t);
  const carried = columnsOf(asked >= 0 ? queryPartsOf(prompt) : prompt.parts);
  const row_ = at >= 0 ? data.X[at] : asked >= 0 ? data.queries[asked] : null;
  const values = { y_t: targetOf(answered >= 0 ? data.y[answered] : Array(prompt.targets).fill(0), prompt.targets) };
  for (const [name, shape] of prompt.parts) {
    const held = row_ && carried.has(name) ? row_.slice(...carried.get(name)) : Array(sizeOf(shape)).fill(0);
    values[`${name}_t`] = column(held);
  }
  return new Scope(values, null, outer);
}

function heldTokens(which, tokens) {
  if (which === "all") return tokens.all;
  if (which === "context") return tokens.context;
  if (which === "query") return tokens.queries;
  if (!tokens.all.includes(which)) throw new Error(`tokens ${which} are not known`);
  return [which];
}

// What every annotated slot should hold: [{layer, slot, text, tokens, should: Map(t -> Matrix)}]
function expectations(witness, data, parameters, tokens) {
  const scope = promptScope(data, witness.prompt, parameters, witness.definitions);
  const scopes = tokens.all.map((t) => tokenScope(scope, data, tokens, witness.prompt, t));
  return witness.layers.map((layer) =>
    layer.holds.map(([slot, tree, which, text]) => {
      const should = new Map();
      for (const t of heldTokens(which, tokens)) should.set(t, evaluate(tree, scopes[t]));
      return { slot, which, text, should };
    }));
}

// The sizes by which a number is judged: the largest number of its slot up to a layer that
// rounding leaves certain, and before there is one the largest of the prompt.
function sizesBySlot({ data, steps }) {
  const prompt = Math.max(0, ...[...data.X, ...data.y.map(targetsIn), ...data.queries].flat().map(Math.abs));
  const most = {};
  const upTo = steps.map(({ after }) => {
    for (const [name, m] of Object.entries(after)) {
      for (let i = 0; i < m.v.length; i++) {
        const size = Math.abs(m.v[i]);
        if (size > m.e[i] && size > (most[name] ?? 0)) most[name] = size;
      }
    }
    return { ...most };
  });
  return (k, slot, is, should, bound) => {
    const certain = [Math.abs(is), Math.abs(should)].filter((size) => size > bound);
    return Math.max(...certain, upTo[k][slot] ?? 0) || prompt;
  };
}

// Compares a run with the expectations, slot by slot in the order of the layers. Two numbers
// differ when rounding cannot explain it, or by more than `slack` where the construction is
// approximate anyway and rounding the smaller part.
//
// `share` is the largest gap as a share of what rounding allows there. `digits` of every number
// are certain: what rounding allows (or what an approximation left open) against the size of the
// numbers. Where it is not one, agreement means nothing: `vague` is the first such place.
function compare(result, expected, slack, answers) {
  const marks = [new Map()], { tokens, predictions, steps, witness } = result, sizeAt = sizesBySlot(result);
  const told = { marks, first: null, vague: null, compared: 0, worst: 0, share: 0, digits: Infinity, beyond: false, exact: slack === null };
  const look = (k, slot, i, t, is, should, allowed, text) => {
    const gap = Math.abs(is - should), allows = slack ?? allowed, bound = Number.isNaN(allows) ? Infinity : allows;
    const found = { is, should, bound, text };
    told.compared += 1;
    if (!Number.isFinite(gap)) { told.beyond = true; return; }
    if (gap > bound) {
      if (!marks[k].has(`${slot}.${i}.${t}`)) marks[k].set(`${slot}.${i}.${t}`, found);
      told.first ??= { layer: k, slot, entry: i, token: t, ...found };
      return;
    }
    told.worst = Math.max(told.worst, gap);
    if (gap > 0 && slack === null) told.share = Math.max(told.share, gap / bound);
    const open = slack === null ? bound : gap;
    if (open === 0) return;
    const digits = Math.log10(sizeAt(k, slot, is, should, open) / open);
    told.digits = Math.min(told.digits, digits);
    if (!(digits >= 1)) told.vague ??= { layer: k, slot, entry: i, token: t, ...found };
  };
  expected.forEach((holds, k) => {
    marks.push(new Map());
    for (const { slot: reference, text, should } of holds) {
      const [slot, index] = splitEntry(reference), is = steps[k + 1].after[slot];
      for (const [t, wanted] of should) {
        const size = index === null ? is.c : 1;
        for (let place = 0; place < size; place++) {
          const i = index ?? place, at = isNumber(wanted) ? 0 : place;
          look(k + 1, slot, i, t, is.get(t, i), wanted.v[at], is.error(t, i) + wanted.e[at], text);
        }
      }
    }
  });
  // the prediction itself, where no slot has shown a difference on the way
  const [slot, index] = splitEntry(witness.readout.slot), last = steps.length - 1;
  const c = witness.readout.value, asked = readTokens(witness, tokens), size = predictions.length / asked.length;
  (answers ?? []).forEach((answer, j) => {
    for (let place = 0; place < size; place++) {
      const t = asked[j], i = index ?? place, at = isNumber(answer) ? 0 : place, v = answer.v[at] / c;
      look(last, slot, i, t, predictions[j * size + place] / c, v, steps[last].after[slot].error(t, i) + answer.e[at] / Math.abs(c) + 2 * U * Math.abs(v), "");
    }
  });
  return told;
}

// Eigenvalues and eigenvectors (columns) of a symmetric matrix, by Jacobi's rotations.
function eigen(S) {
  const n = S.r, a = Float64Array.from(S.v), V = identity(n).v;
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) off += a[p * n + q] ** 2;
    if (off === 0) break;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (Math.abs(a[p * n + q]) < 1e-300) { a[p * n + q] = a[q * n + p] = 0; continue; }
        const theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1), s = t * c;
        for (let k = 0; k < n; k++) {
          const x = a[k * n + p], y = a[k * n + q];
          a[k * n + p] = c * x - s * y;
          a[k * n + q] = s * x + c * y;
        }
        for (let k = 0; k < n; k++) {
          const x = a[p * n + k], y = a[q * n + k];
          a[p * n + k] = c * x - s * y;
          a[q * n + k] = s * x + c * y;
          const v = V[k * n + p], w = V[k * n + q];
          V[k * n + p] = c * v - s * w;
          V[k * n + q] = s * v + c * w;
        }
      }
    }
  }
  return { values: Array.from({ length: n }, (_, i) => a[i * n + i]), vectors: V, n };
}

// (S + shift I)^+ b for a column b; directions of eigenvalue 0 get nothing
function solve(parts, shift, b) {
  const { values, vectors, n } = parts, top = Math.max(...values.map((s) => s + shift), 0);
  const w = Array(n).fill(0);
  values.forEach((s, i) => {
    if (s + shift <= top * n * 2 ** -50) return;
    let along = 0;
    for (let k = 0; k < n; k++) along += vectors[k * n + i] * b[k];
    for (let k = 0; k < n; k++) w[k] += (along / (s + shift)) * vectors[k * n + i];
  });
  return w;
}
