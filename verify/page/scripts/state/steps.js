// Step sizes: the page's own suits the prompt, the reader's is kept as long as that makes sense.

const LETTERS = { alpha: "α", step_size: "η", ridge: "λ" };
const letterOf = (name) => LETTERS[name] ?? name;

const analyseNow = () =>
  analyse(DATA.lesson, DATA.sides[app.side].family, chosen(), app.data, app.data.X[0].length, app.parameters);

// The name of the parameter that decides whether the algorithm runs away; null where none does.
const stepName = (analysis) => (analysis.limit && analysis.limit.name in app.parameters ? analysis.limit.name : null);

function runsAway({ limit, factor }) {
  const value = app.parameters[limit.name];
  return factor === null ? !(value < limit.value) : factor > 1 || !(value < limit.value);
}

function suitedTo({ limit }) {
  return Number.isFinite(limit.value) && limit.value > 0 ? Number((limit.value * 0.6).toPrecision(3)) : 1;
}

// The page's own choice, for the prompt as it is now.
function suit() {
  const analysis = analyseNow(), name = stepName(analysis);
  if (name === null) return;
  app.parameters[name] = suitedTo(analysis);
  app.own.delete(name);
  app.refused.delete(name);
}

// After another prompt was drawn: a step size of the reader's own stays if it converges there.
function suitNewPrompt() {
  const analysis = analyseNow(), name = stepName(analysis);
  if (name === null || (app.own.has(name) && !runsAway(analysis))) return;
  const was = written(name, app.parameters[name]), own = app.own.has(name);
  suit();
  if (own) say(`Your ${letterOf(name)} = ${was} would run away on this prompt: it is ${app.parameters[name]} now. Undo takes it back.`);
}

// After some numbers of the prompt were changed, by typing or dragging: only a step size that
// would run away is changed, and never the reader's own. `from` is the one before the change.
function suitChangedPrompt() {
  const analysis = analyseNow(), name = stepName(analysis);
  if (name === null) return;
  if (!app.own.has(name) && app.settled[name] !== undefined) app.parameters[name] = app.settled[name];
  const now = analyseNow();
  if (!runsAway(now)) return;
  const was = written(name, app.parameters[name]);
  if (app.own.has(name)) {
    say(`Your ${letterOf(name)} = ${was} is kept, though the algorithm runs away with it on this prompt.`);
  } else {
    suit();
    say(`${letterOf(name)} = ${was} would run away on this prompt: ${app.parameters[name]} suits it.`);
  }
}
