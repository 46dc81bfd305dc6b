// The state of the page, what changes it, and the address that remembers it.

const DATA = whole(JSON.parse(byId("data").textContent));

// What the page starts from, as fractions.
function exactStart() {
  return new Map(Object.entries(DATA.sides[0].family.exact));
}

const app = {
  parameters: { ...DATA.start }, data: structuredClone(DATA.example), origin: "example",
  condition: 4, seed: 1, layer: 0, cell: null, side: 0, view: DATA.sides.length > 1 ? "both" : "one",
  edits: DATA.sides.map(() => ({})), numbers: true, scores: false, coordinate: 0, direction: null, range: null, touched: false,
  typed: exactStart(), // fractions as they were typed, by the key of their field
  refused: new Map(), // what a field does not take, as it was typed, and why
  own: new Set(), // parameters that the reader chose
  notices: [], // what the page says beside the verdict
  settled: {}, // the parameters before what is being dragged
  table: null, // the reader's own table, if the prompt is from one
};

// -- from the state to numbers -------------------------------------------------------------------

// What a step of the slider need not work out again: kept until something else changes.
function kept(key, make) {
  if (!app.kept.has(key)) app.kept.set(key, make());
  return app.kept.get(key);
}

function recompute() {
  app.kept = new Map();
  app.d = chosen() ? chosen().prompt.d : app.data.X[0].length;
  app.models = DATA.sides.map((side, i) => {
    const parameters = { ...side.family.fixed, ...app.parameters };
    const witness = assemble(side.family, DATA.pools, parameters, app.edits[i]);
    if (!witness || !fits(witness)) return null;
    const [own, repaired] = [side, DATA.sides[DATA.sides.length - 1]].map(({ family }) => assemble(family, DATA.pools, parameters, {}));
    const reference = side.apart ? own : repaired;
    app.given = parameters;
    return { ...examine(witness, app.data, parameters, reference, repaired), reference };
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

const fits = ({ examples, prompt }) => {
  const { X, y, queries } = app.data;
  return (examples === null || examples === X.length) && inputsOf(prompt) === X[0].length && targetsIn(y[0]).length === prompt.targets
    && queries.every((q) => q.length === queryInputsOf(prompt));
};

function cellExists({ side, slot, i, t }) {
  const model = app.models[side];
  return Boolean(model) && model.witness.layout.has(slot) && i < sizeOf(model.witness.layout.shape(slot)) && t < model.result.tokens.total;
}

function render() {
  renderPicture();
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
  renderArcs();
}

// Only what depends on the layer and the open cell.
function renderStep() {
  renderPicture();
  renderStepper();
  renderStream();
  renderCell();
  renderLayer();
  renderPlot();
  renderError();
  renderArcs();
}

function renderStepper() {
  const model = app.models[app.side];
  const name = app.layer === 0 ? "the prompt" : (model && model.witness.layers[app.layer - 1] || { name: "" }).name;
  const sides = DATA.sides.length < 2 ? "" : `<span class="views">${DATA.sides.map((side, i) =>
    `<button type="button" data-view="${i}" data-focus="view${i}" aria-pressed="${app.view === "one" && app.side === i}">${escapeText(side.label)}</button>`).join("")}
    <button type="button" data-view="both" data-focus="viewboth" aria-pressed="${app.view === "both"}">side by side</button></span>`;
  fill(byId("stepper"), `<button type="button" data-go="-1" data-focus="back" aria-label="one layer back" ${app.layer === 0 ? "disabled" : ""}>←</button>
    <input type="range" id="slider" min="0" max="${app.layers}" step="1" value="${app.layer}" data-focus="slider" aria-label="layer" aria-valuetext="layer ${app.layer}${plainTitle(name) && `: ${plainTitle(name)}`}">
    <button type="button" data-go="1" data-focus="forward" aria-label="one layer on" ${app.layer === app.layers ? "disabled" : ""}>→</button>
    <b>layer ${app.layer} of ${app.layers}</b> <span class="layer-name">${titled(name)}</span>${sides}${historyButtons()}${shareLinks()}`);
}

const historyButtons = () => `<span class="history">
  <button type="button" data-do="undo" data-focus="undo" aria-label="Undo the last edit" title="Undo (Ctrl+Z)" ${timeline.at > 0 ? "" : "disabled"}>↶</button>
  <button type="button" data-do="redo" data-focus="redo" aria-label="Redo" title="Redo (Ctrl+Shift+Z)" ${timeline.at + 1 < timeline.edits.length ? "" : "disabled"}>↷</button></span>`;
