// The controls: sizes and words, step sizes and ridges, how a prompt is drawn.

const NAMES = { alpha: "step size α", step_size: "step size η", ridge: "ridge λ", penalty: "penalty λ", d: "dimension d", iterations: "iterations", steps: "steps", examples: "examples n" };
const MOST_EXAMPLES = 32;
// What the numbers that a prompt is drawn from may be.
const DRAWN = {
  n: { least: 1, most: MOST_EXAMPLES, whole: true },
  condition: { least: 1, most: 1e12 },
  seed: { least: 0, most: 2 ** 32 - 1, whole: true },
};

const scalarLimits = (name) => (DATA.sides[app.side].family.zero.includes(name) ? { least: 0 } : { above: 0 });

function renderControls() {
  const { axes, scalars } = DATA.sides[app.side].family, a = app.analysis;
  const select = (name, values) => `<label>${NAMES[name] ?? escapeText(name)} <select data-axis="${name}" data-focus="axis${name}">${
    values.map((v) => `<option ${v === app.parameters[name] ? "selected" : ""} value="${v}">${typeof v === "boolean" ? (v ? "yes" : "no") : v}</option>`).join("")}</select></label>`;
  const typed = (text, key, value, data) => `<label>${text} ${field(key, value, data)}</label>${why(key)}`;
  const scalar = (name) => `${typed(NAMES[name] ?? escapeText(name), name, app.parameters[name], `data-scalar="${name}"`)}
    <input type="range" min="-3" max="1" step="0.01" value="${Math.log10(Math.max(app.parameters[name], 1e-3))}" data-slide="${name}" data-focus="slide${name}" aria-label="${NAMES[name] ?? name}, logarithmic">`;
  const drawn = (text, name, value) => typed(text, name, value, `data-random="${name}"`);
  fill(byId("controls"), `<h3>Controls</h3><div class="controls">${Object.entries(axes).map(([name, values]) => select(name, values)).join("")}${
    axes.examples || chosen().prompts ? "" : drawn("examples n", "n", app.data.X.length)}
    ${Object.keys(scalars).map(scalar).join("")}
    ${a.regression ? drawn("condition number of S", "condition", app.condition) : ""}${drawn("seed", "seed", app.seed)}</div>
    <p class="buttons"><button type="button" data-do="another" data-focus="another">another prompt</button>${regionButton()}</p>
    ${a.regression ? `<p class="facts">Eigenvalues of S: ${a.eigenvalues.map((s) => show(Math.abs(s) < 1e-12 * a.top ? 0 : s)).join(", ")}</p>` : ""}${regionText()}`);
}

function regionText() {
  const { factor, limit } = app.analysis, names = stepNames(app.analysis);
  const mine = names.filter((name) => app.own.has(name)).map(letterOf).join(", ");
  const own = mine ? ` You chose ${mine}: it is kept when numbers change.` : "";
  if (!limit) return own && `<p class="facts">${own}</p>`;
  const letter = letterOf(limit.name), most = show(limit.value, 4), error = factor === null ? "" : `: here the error factor is ρ = ${show(factor)}`;
  const region = limit.below ? `0 &lt; ${letter} &lt; ${most}` : `${letter} ≥ ${most}`;
  return runsAway(app.analysis) || factor === 1
    ? `<p class="facts bad">${letter} is outside ${region}${error}${factor === null ? "" : ", not below 1"}. The layers do
      what they should, and the algorithm ${factor === 1 ? "stands still" : "runs away"}.${own}</p>`
    : `<p class="facts good">It converges for ${limit.below ? `${letter} &lt; ${most}` : region}${error}.${own}</p>`;
}

const regionButton = () => (stepNames(app.analysis).length
  ? ' <button type="button" data-do="suit" data-focus="suit">a step size that suits it</button>' : "");
