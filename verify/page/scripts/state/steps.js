// Step sizes: the page's own suit the prompt, the reader's are kept as long as that makes sense.
// So are other numbers that have to suit it, such as the interval of Chebyshev's iteration.

const LETTERS = { alpha: "α", step_size: "η", eta: "η", ridge: "λ", penalty: "λ" };
const letterOf = (name) => LETTERS[name] ?? name;
const STEP_SIZES = ["step_size", "alpha", "eta"];

const analyseNow = () =>
  analyse(DATA.lesson, DATA.sides[app.side].family, chosen(), app.data, app.data.X[0].length, app.parameters);

// The parameters that have to suit the prompt.
function stepNames({ limit, predictsY }) {
  const { family } = DATA.sides[app.side], names = Object.keys(family.suited ?? {});
  if (limit) names.push(limit.name);
  else if (!names.length && DATA.lesson.predicts && predictsY) names.push(...STEP_SIZES.filter((name) => Object.hasOwn(family.scalars, name)));
  return [...new Set(names)].filter((name) => name in app.parameters);
}

// Whether the algorithm runs away on the prompt: by what is known of it; where nothing is, if it
// ends further from the examples' own y than a prediction of 0 is.
function runsAway(analysis) {
  const { limit, factor } = analysis, names = stepNames(analysis);
  if (limit) {
    const value = app.parameters[limit.name] * (limit.below ? 1 : 1 + 2 ** -40); // eigenvalues are rounded
    return limit.below ? (factor !== null && factor > 1) || !(value < limit.value) : value < limit.value;
  }
  return names.length > 0 && worseThanNothing();
}

// What is left of the examples' own y after the last layer, squared; null without a witness.
function leftOver() {
  const { family } = DATA.sides[DATA.sides.length - 1], parameters = { ...family.fixed, ...app.parameters };
  const witness = assemble(family, DATA.pools, parameters, {});
  if (!witness || !fits(witness)) return null;
  const alone = witness.layers.every((layer) => layer.heads.every((head) => head.keys === "context"));
  const runs = (alone ? [app.data.X] : app.data.X.map((x) => [x])).map((queries) => run(witness, { ...app.data, queries }));
  return runs.flatMap((made) => Array.from(made.predictions)).reduce((total, v, i) => total + (v - app.data.y[i]) ** 2, 0);
}

function worseThanNothing() {
  const left = leftOver();
  return left !== null && !(left <= app.data.y.reduce((total, v) => total + v * v, 0) * (1 + 1e-9));
}

// Three digits, as they can be typed; upwards where a bound from above is wanted.
function threeDigits(value, up) {
  if (!(Number.isFinite(value) && value > 0)) return 1;
  const unit = 10 ** (Math.floor(Math.log10(value)) - 2);
  return Number(((up ? Math.ceil : Math.floor)(value / unit) * unit).toPrecision(3));
}

// The page's own choice, for the prompt as it is now.
function suit() {
  const analysis = analyseNow(), { limit } = analysis, { suited } = DATA.sides[app.side].family, names = stepNames(analysis);
  for (const name of names) {
    app.own.delete(name);
    app.refused.delete(name);
    if (suited && Object.hasOwn(suited, name)) app.parameters[name] = threeDigits(evaluate(suited[name], analysis.scope).v[0], suited[name] === "top");
    else if (limit) app.parameters[name] = threeDigits(0.6 * limit.value, false);
    else {
      app.parameters[name] = Math.max(app.parameters[name], DATA.start[name]);
      for (let halved = 0; halved < 60 && worseThanNothing(); halved++) app.parameters[name] = threeDigits(app.parameters[name] / 2, false);
    }
  }
}

const saidOf = (names) => names.map((name) => `${letterOf(name)} = ${written(name, app.parameters[name])}`).join(", ");

// After another prompt was drawn: step sizes of the reader's own stay if it converges there.
function suitNewPrompt() {
  const analysis = analyseNow(), names = stepNames(analysis), own = names.filter((name) => app.own.has(name));
  if (!names.length || (own.length && !runsAway(analysis))) return;
  const was = saidOf(own);
  suit();
  if (own.length) say(`Your ${was} would run away on this prompt: it is ${saidOf(own)} now. Undo takes it back.`);
}

// After some numbers of the prompt were changed, by typing or dragging: only step sizes that
// would run away are changed, and never the reader's own.
function suitChangedPrompt() {
  const names = stepNames(analyseNow());
  if (!names.length) return;
  const own = names.some((name) => app.own.has(name));
  if (!own) for (const name of names) app.parameters[name] = app.settled[name] ?? app.parameters[name];
  if (!runsAway(analyseNow())) return;
  const was = saidOf(names);
  if (own) say(`Your ${was} is kept, though the algorithm runs away with it on this prompt.`);
  else {
    suit();
    say(`${was} would run away on this prompt: ${saidOf(names)} suits it.`);
  }
}
