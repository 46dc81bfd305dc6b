// Rules: a number for every pair of tokens, from a text such as "decay**(t - j) * (j <= t)".
// The text is parsed and worked out here, in fractions as long as nothing is irrational: a value
// is {p, q} with q > 0, big integers, or {v, e}, a float and a bound on its error.

const EXACT_BITS = 16384;
const RULE_VARIABLES = ["t", "j", "r", "c", "n", "N"];

const fraction = (p, q) => {
  if (q === 0n) throw new Error("a rule divides by 0");
  let a = p < 0n ? -p : p, b = q < 0n ? -q : q;
  while (b !== 0n) [a, b] = [b, a % b];
  if (a === 0n) a = 1n;
  return q < 0n ? { p: -p / a, q: -q / a } : { p: p / a, q: q / a };
};
const wholeNumber = (x) => fraction(BigInt(x), 1n);
const isExact = (x) => x.q !== undefined;
const truthOf = (holds) => wholeNumber(holds ? 1 : 0);

// {v, e} of any value
function approximately(x) {
  if (!isExact(x)) return x;
  const { p, q } = x, excess = Math.max(p.toString(2).length, q.toString(2).length) - 1000;
  const by = excess > 0 ? BigInt(excess) : 0n;
  const v = excess > 0 && (q >> by) === 0n ? (p < 0n ? -Infinity : Infinity) : Number(p >> by) / Number(q >> by);
  const small = -(2n ** 53n) <= p && p <= 2n ** 53n && q <= 2n ** 53n;
  return { v, e: small && q === 1n ? 0 : (small ? 1 : 4) * U * Math.abs(v) };
}

function signOf(x) {
  if (isExact(x)) return x.p > 0n ? 1 : x.p < 0n ? -1 : 0;
  if (x.v > x.e) return 1;
  if (x.v < -x.e) return -1;
  if (x.v === 0 && x.e === 0) return 0;
  throw new Error(`whether ${x.v} of a rule is 0 cannot be told`);
}

const inRules = {
  "+": (a, b) => {
    if (isExact(a) && isExact(b)) return fraction(a.p * b.q + b.p * a.q, a.q * b.q);
    const [x, y] = [approximately(a), approximately(b)], v = x.v + y.v;
    return { v, e: x.e + y.e + U * Math.abs(v) };
  },
  "-": (a, b) => inRules["+"](a, inRules["*"](wholeNumber(-1), b)),
  "*": (a, b) => {
    if (isExact(a) && isExact(b)) return fraction(a.p * b.p, a.q * b.q);
    const [x, y] = [approximately(a), approximately(b)], v = x.v * y.v;
    return { v, e: Math.abs(x.v) * y.e + Math.abs(y.v) * x.e + x.e * y.e + U * Math.abs(v) };
  },
  "/": (a, b) => {
    if (signOf(b) === 0) throw new Error("a rule divides by 0");
    if (isExact(a) && isExact(b)) return fraction(a.p * b.q, a.q * b.p);
    const [x, y] = [approximately(a), approximately(b)], v = x.v / y.v;
    return { v, e: (x.e + Math.abs(v) * y.e) / (Math.abs(y.v) - y.e) + U * Math.abs(v) };
  },
  "//": (a, b) => {
    const x = inRules["/"](a, b);
    if (!isExact(x)) {
      if (Math.floor(x.v - x.e) !== Math.floor(x.v + x.e)) throw new Error(`the whole part of ${x.v} in a rule cannot be told`);
      return wholeNumber(Math.floor(x.v));
    }
    const down = x.p / x.q; // towards 0
    return fraction(x.p < 0n && down * x.q !== x.p ? down - 1n : down, 1n);
  },
  "%": (a, b) => inRules["-"](a, inRules["*"](b, inRules["//"](a, b))),
  "**": (a, b) => {
    if (isExact(a) && isExact(b) && b.q === 1n) {
      const k = b.p < 0n ? -b.p : b.p, size = a.p < 0n ? -a.p : a.p;
      const bits = BigInt((size > a.q ? size : a.q).toString(2).length);
      if (bits > 1n && bits * k > BigInt(EXACT_BITS)) throw new Error("a power of a rule is too large");
      return b.p < 0n ? fraction(a.q ** k, a.p ** k) : fraction(a.p ** k, a.q ** k);
    }
    const [x, y] = [approximately(a), approximately(b)], v = x.v ** y.v;
    if (!Number.isFinite(v)) throw new Error("a rule takes a power that is no number");
    const slope = x.v === 0 ? 0 : Math.abs(y.v / x.v) * x.e + Math.abs(Math.log(Math.abs(x.v))) * y.e;
    return { v, e: Math.abs(v) * (1.01 * slope + 8 * U * (1 + Math.abs(y.v))) };
  },
};
const COMPARISONS = {
  "<": (s) => s < 0, "<=": (s) => s <= 0, ">": (s) => s > 0, ">=": (s) => s >= 0,
  "==": (s) => s === 0, "!=": (s) => s !== 0,
};
const wave = (f) => (a) => {
  if (isExact(a) && a.p === 0n) return wholeNumber(f(0));
  const x = approximately(a);
  return { v: f(x.v), e: x.e + 4 * U };
};
const RULE_FUNCTIONS = {
  min: (...all) => all.reduce((a, b) => (signOf(inRules["-"](b, a)) < 0 ? b : a)),
  max: (...all) => all.reduce((a, b) => (signOf(inRules["-"](b, a)) > 0 ? b : a)),
  abs: (a) => (signOf(a) < 0 ? inRules["*"](wholeNumber(-1), a) : a),
  sin: wave(Math.sin), cos: wave(Math.cos),
};

// The text as a function of {name: value}; names and precedence are Python's.
function parseRule(text, constants) {
  const pieces = [], token = /\s*(\d+(?:\.\d+)?|[A-Za-z_][A-Za-z_0-9]*|\*\*|\/\/|<=|>=|==|!=|[-+*/%<>(),])/y;
  const end = text.trimEnd().length;
  while (token.lastIndex < end) {
    const from = token.lastIndex, found = token.exec(text);
    if (!found) throw new Error(`the rule ${text} is not known from ${JSON.stringify(text.slice(from))} on`);
    pieces.push(found[1]);
  }
  let at = 0;
  const next = (...these) => these.includes(pieces[at]);
  const take = (...these) => (next(...these) ? pieces[at++] : null);
  const must = (one) => take(one) ?? unknown(`in the rule ${text}, instead of ${one},`, pieces[at] ?? "the end");

  function either() {
    let left = both();
    while (take("or")) { const [a, b] = [left, both()]; left = (s) => { const x = a(s); return signOf(x) !== 0 ? x : b(s); }; }
    return left;
  }
  function both() {
    let left = negated();
    while (take("and")) { const [a, b] = [left, negated()]; left = (s) => { const x = a(s); return signOf(x) === 0 ? x : b(s); }; }
    return left;
  }
  function negated() {
    if (!take("not")) return compared();
    const inner = negated();
    return (s) => truthOf(signOf(inner(s)) === 0);
  }
  function compared() {
    const operands = [sum_()], tests = [];
    while (next(...Object.keys(COMPARISONS))) { tests.push(COMPARISONS[pieces[at++]]); operands.push(sum_()); }
    if (!tests.length) return operands[0];
    return (s) => {
      let left = operands[0](s);
      for (let i = 0; i < tests.length; i++) {
        const right = operands[i + 1](s);
        if (!tests[i](signOf(inRules["-"](left, right)))) return truthOf(false);
        left = right;
      }
      return truthOf(true);
    };
  }
  const leftToRight = (operand, ...operators) => {
    let left = operand();
    while (next(...operators)) { const f = inRules[pieces[at++]], a = left, b = operand(); left = (s) => f(a(s), b(s)); }
    return left;
  };
  function sum_() { return leftToRight(term, "+", "-"); }
  function term() { return leftToRight(factor, "*", "/", "//", "%"); }
  function factor() {
    if (take("+")) return factor();
    if (!take("-")) return powered();
    const inner = factor();
    return (s) => inRules["*"](wholeNumber(-1), inner(s));
  }
  function powered() {
    const base = atom();
    if (!take("**")) return base;
    const exponent = factor();
    return (s) => inRules["**"](base(s), exponent(s));
  }
  function atom() {
    if (take("(")) { const inner = either(); must(")"); return inner; }
    const piece = pieces[at++];
    if (/^\d/.test(piece ?? "")) {
      const [whole, part] = piece.split("."), value = fraction(BigInt(whole + (part ?? "")), 10n ** BigInt((part ?? "").length));
      return () => value;
    }
    if (Object.hasOwn(RULE_FUNCTIONS, piece)) {
      must("(");
      const of = [either()];
      while (take(",")) of.push(either());
      must(")");
      if (of.length > 1 && piece !== "min" && piece !== "max") throw new Error(`the rule ${text}: ${piece} of ${of.length}`);
      return (s) => RULE_FUNCTIONS[piece](...of.map((f) => f(s)));
    }
    if (piece === "pi") return () => ({ v: Math.PI, e: 4 * U });
    const known = [...RULE_VARIABLES, ...constants];
    if (!known.includes(piece)) unknown(`in the rule ${text},`, piece ?? "the end", known);
    return (s) => s[piece] ?? unknown(`in the rule ${text}, the number`, piece);
  }
  const made = either();
  if (at < pieces.length) unknown(`in the rule ${text},`, pieces[at]);
  return made;
}

// A constant of a rule from its tree: a fraction as it is, anything else as the float that it is.
function constantOf(tree, value) {
  if (Number.isSafeInteger(tree)) return wholeNumber(tree);
  if (Array.isArray(tree) && tree[0] === "/" && Number.isSafeInteger(tree[1]) && Number.isSafeInteger(tree[2])) {
    return fraction(BigInt(tree[1]), BigInt(tree[2]));
  }
  const v = value(tree);
  return { v, e: 2 * U * Math.abs(v) };
}

// The numbers of a rule for tokens `down` and `across`, called `names`: a Matrix.
function ruleTable(rule, names, down, across, tokens) {
  const m = new Matrix(down.length, across.length);
  if (rule.matrix !== null) {
    if (rule.matrix.length !== down.length || rule.matrix.some((row) => row.length !== across.length)) {
      throw new Error(`the matrix of a rule is not ${down.length} × ${across.length}`);
    }
    rule.matrix.flat().forEach((x, k) => { m.v[k] = x; m.e[k] = Number.isInteger(x) ? 0 : U * Math.abs(x); });
    return m;
  }
  const value = ruleOn(rule, tokens);
  down.forEach((t, i) => across.forEach((j, k) => {
    const { v, e } = value({ [names[0]]: wholeNumber(t), [names[1]]: wholeNumber(j) });
    m.v[i * m.c + k] = v;
    m.e[i * m.c + k] = e;
  }));
  return m;
}

// A rule's text on these tokens: a function of what else it names, giving {v, e}.
function ruleOn(rule, tokens) {
  const constants = Object.fromEntries(rule.constants), value = parseRule(rule.text, Object.keys(constants));
  const always = { ...constants, n: wholeNumber(tokens.examples), N: wholeNumber(tokens.total) };
  return (named) => approximately(value({ ...always, ...named }));
}

// The numbers of an encoding, a rule each, of every token into the rows of m.
function encode(rules, tokens, m) {
  rules.forEach((rule, i) => {
    const value = ruleOn(rule, tokens);
    for (const t of tokens.all) {
      const { v, e } = value({ t: wholeNumber(t) });
      m.v[t * m.c + i] = v;
      m.e[t * m.c + i] = e;
    }
  });
}
