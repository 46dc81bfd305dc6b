// Answers are checked against the prompt as it is now.

function rightAnswer(exercise) {
  const x_q = fromRows(app.data.queries[0].map((v) => [v]), 1);
  const model = app.models[app.side];
  const own = promptScope(app.data, model.witness.prompt, { ...app.parameters, ...model.witness.vectors }, model.witness.definitions);
  const { factor, limit } = app.analysis;
  const scope = new Scope({ x_q, rho: number(factor ?? NaN), limit: number(limit ? limit.value : NaN) }, null,
    new Scope({}, null, { get: (name) => (own.values.has(name) || own.definitions.has(name) ? own : app.analysis.scope).get(name) }));
  return evaluate(exercise.answer, scope).v[0];
}

// equal for whole numbers, else equal to two significant digits
function agrees(given, right) {
  if (!Number.isFinite(right)) return false;
  if (Number.isInteger(right) && right !== 0 && Number.isInteger(given)) return given === right;
  return Math.abs(given - right) <= 0.5 * 10 ** (Math.floor(Math.log10(Math.abs(right) || 1)) - 1);
}

function reached(state) {
  const model = app.models[app.side];
  const [kind, first, second] = state;
  if (kind === "first") {
    const found = model.comparison.first;
    return found !== null && found.layer === first && found.slot === second;
  }
  if (kind === "mended") {
    return Object.keys(app.edits[0]).length > 0 && app.models[0] !== null && app.models[0].comparison.first === null;
  }
  if (kind === "zero") return model.result.predictions[0] === 0;
  if (kind === "last") return model.comparison.first !== null && model.comparison.first.layer === model.witness.layers.length;
  if (kind === "refuted") return model.comparison.first !== null;
  if (kind === "diverges") return app.analysis.factor !== null && app.analysis.factor > 1;
  const goal = dot(app.data.queries[0], app.analysis.leastSquares);
  return Math.abs(model.result.predictions[0] - goal) <= first * Math.abs(goal);
}

function setUpExercises() {
  DATA.lesson.exercises.forEach((exercise, i) => {
    const place = document.querySelector(`[data-exercise="${i}"]`);
    place.innerHTML = exercise.answer !== null
      ? `<form><label>Your answer <input type="text" inputmode="decimal" size="10"></label> <button>check</button> <output role="status"></output></form>`
      : `<p><a href="#play">Do it above</a>; this line notices. <output role="status"></output></p>`;
    const form = place.querySelector("form");
    if (form) {
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        const text = form.querySelector("input").value.trim().replace("−", "-").replace(",", ".");
        const fraction = /^(-?[\d.]+)\s*\/\s*([\d.]+)$/.exec(text);
        const given = fraction ? Number(fraction[1]) / Number(fraction[2]) : Number(text);
        settle(place, text !== "" && agrees(given, rightAnswer(exercise)), Number.isNaN(given) || text === "" ? "That is not a number." : "Not for this prompt. The hint may help.");
      });
    }
  });
}

function settle(place, right, otherwise) {
  const output = place.querySelector("output");
  output.textContent = right ? "✓ Right." : otherwise;
  output.className = right ? "good" : "bad";
  if (right) place.parentElement.querySelector(".reason").open = true;
}

function renderExercises() {
  DATA.lesson.exercises.forEach((exercise, i) => {
    const place = document.querySelector(`[data-exercise="${i}"]`);
    if (exercise.answer !== null || !place || place.querySelector(".good")) return;
    if (app.touched && reached(exercise.state)) settle(place, true, "");
  });
}
