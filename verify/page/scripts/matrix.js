// Matrices of float64 numbers that know how far rounding may have moved them.
// v holds the values, e a first-order bound on each one's error (Higham, Accuracy and
// Stability of Numerical Algorithms, section 3.3). Two numbers differ on this page only when
// they are further apart than their bounds together.

const U = 2 ** -53;

class Matrix {
  constructor(rows, columns) {
    this.r = rows;
    this.c = columns;
    this.v = new Float64Array(rows * columns);
    this.e = new Float64Array(rows * columns);
  }
  get(i, j) { return this.v[i * this.c + j]; }
  error(i, j) { return this.e[i * this.c + j]; }
}

function fromRows(rows, columns) {
  const m = new Matrix(rows.length, columns ?? (rows[0] ? rows[0].length : 0));
  rows.forEach((row, i) => row.forEach((x, j) => { m.v[i * m.c + j] = x; }));
  return m;
}

function number(value, error) {
  const m = new Matrix(1, 1);
  m.v[0] = value;
  m.e[0] = error ?? (Number.isInteger(value) ? 0 : U * Math.abs(value));
  return m;
}

function identity(d) {
  const m = new Matrix(d, d);
  for (let i = 0; i < d; i++) m.v[i * d + i] = 1;
  return m;
}

// Entry by entry: f gives [value, error] of numbers and errors.
function each(a, b, f) {
  const m = new Matrix(a.r, a.c);
  for (let i = 0; i < m.v.length; i++) {
    const [v, e] = f(a.v[i], a.e[i], b ? b.v[i] : 0, b ? b.e[i] : 0);
    m.v[i] = v;
    m.e[i] = e;
  }
  return m;
}

const rounded = (v, e) => [v, e + U * Math.abs(v)];
const add = (a, b) => each(a, b, (x, ex, y, ey) => rounded(x + y, ex + ey));
const subtract = (a, b) => each(a, b, (x, ex, y, ey) => rounded(x - y, ex + ey));
const multiply = (a, b) =>
  each(a, b, (x, ex, y, ey) => rounded(x * y, Math.abs(x) * ey + Math.abs(y) * ex + ex * ey));
const negate = (a) => each(a, null, (x, ex) => [-x, ex]);

// s * a for a 1 x 1 matrix s
const scale = (s, a) =>
  each(a, null, (x, ex) =>
    s.v[0] === 1 && s.e[0] === 0
      ? [x, ex]
      : rounded(s.v[0] * x, Math.abs(s.v[0]) * ex + Math.abs(x) * s.e[0] + ex * s.e[0]));

// row i of a divided by the one entry in row i of b
function divideRows(a, b) {
  const m = new Matrix(a.r, a.c);
  for (let i = 0; i < a.r; i++) {
    const [y, ey] = [b.v[i], b.e[i]];
    for (let j = 0; j < a.c; j++) {
      const k = i * a.c + j;
      const q = a.v[k] / y;
      m.v[k] = q;
      m.e[k] = ey < Math.abs(y) || (ey === 0 && y === 0) ? (a.e[k] + Math.abs(q) * ey) / (Math.abs(y) - ey) + U * Math.abs(q) : Infinity;
    }
  }
  return m;
}

function transpose(a) {
  const m = new Matrix(a.c, a.r);
  for (let i = 0; i < a.r; i++) {
    for (let j = 0; j < a.c; j++) {
      m.v[j * a.r + i] = a.v[i * a.c + j];
      m.e[j * a.r + i] = a.e[i * a.c + j];
    }
  }
  return m;
}

function product(a, b) {
  const m = new Matrix(a.r, b.c);
  for (let i = 0; i < a.r; i++) {
    for (let j = 0; j < b.c; j++) {
      let sum = 0, size = 0, error = 0;
      for (let k = 0; k < a.c; k++) {
        const x = a.v[i * a.c + k], y = b.v[k * b.c + j];
        if (x === 0 && a.e[i * a.c + k] === 0) continue;
        const ex = a.e[i * a.c + k], ey = b.e[k * b.c + j];
        sum += x * y;
        size += Math.abs(x * y);
        error += Math.abs(x) * ey + Math.abs(y) * ex + ex * ey;
      }
      m.v[i * b.c + j] = sum;
      m.e[i * b.c + j] = error + (a.c + 1) * U * size;
    }
  }
  return m;
}

function rows(a, numbers) {
  const m = new Matrix(numbers.length, a.c);
  numbers.forEach((t, i) => {
    for (let j = 0; j < a.c; j++) {
      m.v[i * a.c + j] = a.v[t * a.c + j];
      m.e[i * a.c + j] = a.e[t * a.c + j];
    }
  });
  return m;
}

// erf by its series where that converges fast, by the continued fraction of erfc beyond
function erf(x) {
  const z = Math.abs(x);
  if (z < 2.5) {
    let term = x, sum = x;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum) && n < 200; n++) {
      term *= (2 * x * x) / (2 * n + 1);
      sum += term;
    }
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  }
  if (z > 6) return Math.sign(x);
  let f = 0;
  for (let n = 120; n > 0; n--) f = n / 2 / (z + f);
  return Math.sign(x) * (1 - Math.exp(-z * z) / Math.sqrt(Math.PI) / (z + f));
}

// a derivative of GeLU is at most 1.13
const gelu = (a) =>
  each(a, null, (x, ex) => {
    const v = (x / 2) * (1 + erf(x / Math.SQRT2));
    return [v, 1.13 * ex + 8 * U * Math.abs(x)];
  });

const relu = (a) => each(a, null, (x, ex) => [x > 0 ? x : 0, x > -ex ? ex : 0]);
