// The state of the page, what changes it, and the address that remembers it.

const DATA = JSON.parse(byId("data").textContent);

const app = {
  parameters: { ...DATA.start }, data: structuredClone(DATA.example), origin: "example",
  condition: 4, seed: 1, layer: 0, cell: null, side: 0, view: DATA.sides.length > 1 ? "both" : "one",
  edits: DATA.sides.map(() => ({})), numbers: true, scores: false, coordinate: 0, direction: null, range: null, touched: false,
};

// -- from the state to numbers -------------------------------------------------------------------

// What a step of the slider need not work out again: kept until something else changes.
function kept(key, make) {
  if (!app.kept.has(key)) app.kept.set(key, make());
  return app.kept.get(key);
}

function recompute() {
  app.kept = new Map();
  app.d = app.data.X[0].length;
  app.models = DATA.sides.map((side, i) => {
    const parameters = { ...side.family.fixed, ...app.parameters };
    const witness = assemble(side.family, DATA.pools, parameters, app.edits[i]);
    if (!witness || !fits(witness)) return null;
    const reference = assemble(DATA.sides[DATA.sides.length - 1].family, DATA.pools, parameters, {});
    app.given = parameters;
    return { ...examine(witness, app.data, parameters, reference), reference };
  });
  if (!app.models[app.side]) app.side = Math.max(0, app.models.findIndex((model) => model));
  app.analysis = analyse(DATA.lesson, DATA.sides[app.side].family, chosen(), app.data, app.d, app.parameters);
  app.layers = Math.max(...app.models.map((model) => (model ? model.witness.layers.length : 0)));
  app.layer = Math.min(app.layer, app.layers);
  app.coordinate = Math.min(app.coordinate, app.d - 1);
  if (app.cell && !cellExists(app.cell)) app.cell = null;
}

// What is chosen, on the side that is shown, with letters for weights; null where there is none.
const chosen = () => variantOf(DATA.sides[app.side].family, DATA.pools, app.parameters);

const fits = ({ examples, prompt }) =>
  (examples === null || examples === app.data.X.length) && prompt.d === app.data.X[0].length;

function cellExists({ side, slot, i, t }) {
  const model = app.models[side];
  return Boolean(model) && model.witness.layout.has(slot) && i < sizeOf(model.witness.layout.shape(slot)) && t < model.result.tokens.total;
}

function render() {
  renderStepper();
  renderVerdict();
  renderStream();
  renderCell();
  renderLayer();
  renderPlot();
  renderError();
  renderTable();
  renderControls();
  glossary.mark(byId("controls"));
  renderExercises();
}

// Only what depends on the layer and the open cell.
function renderStep() {
  renderStepper();
  renderStream();
  renderCell();
  renderLayer();
  renderPlot();
  renderError();
}

function renderStepper() {
  const model = app.models[app.side];
  const name = app.layer === 0 ? "the prompt" : (model && model.witness.layers[app.layer - 1] || { name: "" }).name;
  const sides = DATA.sides.length < 2 ? "" : `<span class="views">${DATA.sides.map((side, i) =>
    `<button type="button" data-view="${i}" data-focus="view${i}" aria-pressed="${app.view === "one" && app.side === i}">${escapeText(side.label)}</button>`).join("")}
    <button type="button" data-view="both" data-focus="viewboth" aria-pressed="${app.view === "both"}">side by side</button></span>`;
  fill(byId("stepper"), `<button type="button" data-go="-1" data-focus="back" aria-label="one layer back" ${app.layer === 0 ? "disabled" : ""}>←</button>
    <input type="range" id="slider" min="0" max="${app.layers}" step="1" value="${app.layer}" data-focus="slider" aria-label="layer" aria-valuetext="layer ${app.layer}: ${plainTitle(name)}">
    <button type="button" data-go="1" data-focus="forward" aria-label="one layer on" ${app.layer === app.layers ? "disabled" : ""}>→</button>
    <b>layer ${app.layer} of ${app.layers}</b> <span class="layer-name">${titled(name)}</span>${sides}`);
}

function renderVerdict() {
  const html = app.models.map((model, i) => (model ? verdictOf(model, i) : "")).join("");
  fill(byId("verdict"), html + counterexampleButtons());
}

function verdictOf(model, i) {
  const { comparison, witness } = model, edited = Object.keys(app.edits[i]).length;
  const label = DATA.sides[i].label ? `<b>${escapeText(DATA.sides[i].label)}:</b> ` : "";
  const restore = edited ? ` <button type="button" data-do="restore" data-side="${i}">restore the weights</button>` : "";
  if (comparison.first) {
    const f = comparison.first;
    return `<p class="refuted">${label}<strong>Refuted</strong> on this prompt. The first difference is after <a href="#layer=${f.layer}&amp;cell=${f.slot}.${f.entry}.${f.token}&amp;side=${i}">layer ${
      f.layer}, slot ${escapeText(f.slot)}${entryName(witness.layout.shape(f.slot), f.entry)}, ${tokenName(model.result.tokens, f.token)}</a>: it holds ${show(f.is)} and should hold ${show(f.should)}.${restore}</p>`;
  }
  if (comparison.beyond) {
    return `<p class="beyond">${label}<strong>Undecided</strong>: on this prompt the numbers leave the range of float64.${restore}</p>`;
  }
  if (!comparison.compared) return `<p class="beyond">${label}<strong>Undecided</strong>: no slot is annotated.${restore}</p>`;
  if (!comparison.exact) {
    return `<p class="near">${label}<strong>Approximates</strong>: on this prompt no slot is further than ${show(comparison.worst, 2)} from what it should
      hold. GeLU, softmax and layer norm can only come close.${restore}</p>`;
  }
  return `<p class="holds-here">${label}<strong>Holds</strong> on this prompt: ${word(comparison.compared, "number")} in ${word(witness.layers.length, "layer")}
    are what they should be, within rounding (largest gap ${show(comparison.worst, 2)}).${restore}</p>`;
}

function counterexampleButtons() {
  return (DATA.counterexamples ?? []).map((example, i) =>
    `<button type="button" data-counterexample="${i}">load the smallest counterexample</button>`).join("");
}
