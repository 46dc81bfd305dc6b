// The prompt as a table, and the controls.

function renderTable() {
  const { X, y, queries } = app.data, d = app.d;
  const input = (value, path, label) => `<td><input type="number" step="any" value="${value}" data-entry="${path}" data-focus="${path}" aria-label="${label}"></td>`;
  const examples = X.map((x, j) => `<tr><th scope="row">example ${j + 1}</th>${x.map((v, i) => input(v, `X.${j}.${i}`, `x[${i + 1}] of example ${j + 1}`)).join("")}${
    input(y[j], `y.${j}`, `y of example ${j + 1}`)}</tr>`).join("");
  const model = app.models[app.side];
  const asked = queries.map((q, j) => `<tr class="query"><th scope="row">query</th>${q.map((v, i) => input(v, `queries.${j}.${i}`, `x[${i + 1}] of query ${j + 1}`)).join("")}<td><output>${
    model ? show(model.result.predictions[j], 6) : ""}</output></td></tr>`).join("");
  fill(byId("table"), `<h3>The prompt</h3><div class="scroll"><table class="numbers"><thead><tr><td></td>${
    Array.from({ length: d }, (_, i) => `<th scope="col">x${d > 1 ? `[${i + 1}]` : ""}</th>`).join("")}<th scope="col">y</th></tr></thead>
    <tbody>${examples}${asked}</tbody></table></div>
    <p class="buttons"><button type="button" data-do="example">the first example</button> <button type="button" data-do="save">save as JSON</button>
    <label class="button">open <input type="file" accept=".json,application/json" data-do="open"></label></p>`);
}

const NAMES = { alpha: "step size α", step_size: "step size η", ridge: "ridge λ", d: "dimension d", iterations: "iterations", steps: "steps", examples: "examples n" };

function renderControls() {
  const { axes, scalars } = DATA.sides[app.side].family, a = app.analysis;
  const select = (name, values) => `<label>${NAMES[name] ?? escapeText(name)} <select data-axis="${name}" data-focus="axis${name}">${
    values.map((v) => `<option ${v === app.parameters[name] ? "selected" : ""} value="${v}">${v}</option>`).join("")}</select></label>`;
  const scalar = (name) => `<label>${NAMES[name] ?? escapeText(name)} <input type="number" step="any" min="0" value="${
    Number(app.parameters[name].toPrecision(6))}" data-scalar="${name}" data-focus="number${name}"></label>
    <input type="range" min="-3" max="1" step="0.01" value="${Math.log10(Math.max(app.parameters[name], 1e-3))}" data-slide="${name}" data-focus="slide${name}" aria-label="${NAMES[name] ?? name}, logarithmic">`;
  const count = axes.examples ? "" : `<label>examples n <input type="number" min="1" max="32" value="${app.data.X.length}" data-random="n" data-focus="n"></label>`;
  fill(byId("controls"), `<h3>Controls</h3><div class="controls">${Object.entries(axes).map(([name, values]) => select(name, values)).join("")}${count}
    ${Object.keys(scalars).map(scalar).join("")}
    <label>condition number of S <input type="number" min="1" step="any" value="${app.condition}" data-random="condition" data-focus="condition"></label>
    <label>seed <input type="number" min="0" step="1" value="${app.seed}" data-random="seed" data-focus="seed"></label></div>
    <p class="buttons"><button type="button" data-do="another" data-focus="another">another prompt</button>${regionButton()}</p>
    <p class="facts">Eigenvalues of S: ${a.eigenvalues.map((s) => show(Math.abs(s) < 1e-12 * a.top ? 0 : s)).join(", ")}</p>${regionText()}`);
}

function regionText() {
  const { factor, limit } = app.analysis;
  if (factor === null || limit === null) return "";
  const letter = limit.name === "alpha" ? "α" : "η", most = show(limit.value, 4);
  return factor < 1
    ? `<p class="facts good">It converges for ${letter} &lt; ${most}: here the error factor is ρ = ${show(factor)}.</p>`
    : `<p class="facts bad">${letter} is outside 0 &lt; ${letter} &lt; ${most}: the error factor is ρ = ${show(factor)}, not below 1. The layers do
      what they should, and the algorithm ${factor === 1 ? "stands still" : "runs away"}.</p>`;
}

const regionButton = () => (app.analysis.limit
  ? ' <button type="button" data-do="suit" data-focus="suit">a step size that suits it</button>' : "");
