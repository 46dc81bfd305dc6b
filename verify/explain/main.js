// The state of the page, what changes it, and the address that remembers it.

const DATA = JSON.parse(byId("data").textContent);

const app = {
  parameters: { ...DATA.start }, data: structuredClone(DATA.example), origin: "example",
  condition: 4, seed: 1, layer: 0, cell: null, side: 0, view: DATA.sides.length > 1 ? "both" : "one",
  edits: DATA.sides.map(() => ({})), numbers: true, scores: false, coordinate: 0, range: null, touched: false,
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
  app.analysis = analyse(DATA.lesson, app.data, app.d, app.parameters);
  app.layers = Math.max(...app.models.map((model) => (model ? model.witness.layers.length : 0)));
  app.layer = Math.min(app.layer, app.layers);
  app.coordinate = Math.min(app.coordinate, app.d - 1);
  app.scale = 0;
  for (const model of app.models) {
    for (const step of model ? model.result.steps : []) {
      for (const m of Object.values(step.after)) for (const v of m.v) if (Number.isFinite(v)) app.scale = Math.max(app.scale, Math.abs(v));
    }
  }
  if (app.cell && !cellExists(app.cell)) app.cell = null;
}

const fits = ({ examples, prompt }) =>
  (examples === null || examples === app.data.X.length) && prompt.d === app.data.X[0].length;

function cellExists({ side, slot, i, t }) {
  const model = app.models[side];
  const shape = model && model.witness.layout.shape(slot);
  return Boolean(shape) && i < sizeOf(shape) && t < model.result.tokens.total;
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
    <input type="range" id="slider" min="0" max="${app.layers}" step="1" value="${app.layer}" data-focus="slider" aria-label="layer" aria-valuetext="layer ${app.layer}: ${escapeText(name)}">
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
      f.layer}, slot ${escapeText(f.slot)}, ${tokenName(model.result.tokens, f.token)}</a>: it holds ${show(f.is)} and should hold ${show(f.should)}.${restore}</p>`;
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

// -- what changes it ---------------------------------------------------------------------------------

function change(push) {
  app.touched = true;
  recompute();
  render();
  remember(push ?? true);
}

function go(layer, push) {
  app.layer = Math.max(0, Math.min(app.layers, layer));
  renderStep();
  remember(push ?? true);
}

function openCell(id, side, push) {
  const [, slot, i, t] = /^(.+)\.(\d+)\.(\d+)$/.exec(id);
  app.cell = { id, slot, i: Number(i), t: Number(t), side };
  if (app.side !== side) { app.side = side; render(); } else renderStep();
  remember(push ?? true);
}

function regenerate() {
  const variant = variantOf(DATA.sides[app.side].family, app.parameters);
  app.data = randomPrompt(variant.prompt.d, variant.examples ?? app.n, app.condition, app.seed);
  const inside = (rows_) => rows_.map((x) => x.map((v) => Math.round(100 / (1 + Math.exp(-v))) / 100));
  if (DATA.lesson.unit) Object.assign(app.data, { X: inside(app.data.X), queries: inside(app.data.queries) });
  app.origin = "random";
}

function suit() {
  const name = scalarOfRegion();
  if (name) app.parameters[name] = Number((limit() * 0.6).toPrecision(3));
}

function setAxis(name, text) {
  const { family } = DATA.sides[app.side];
  app.parameters[name] = family.axes[name].find((v) => String(v) === text);
  const variant = variantOf(family, app.parameters);
  if (variant && !fits(variant)) {
    app.n = app.data.X.length;
    regenerate();
    suit();
  }
}

function setEntry(path, text) {
  const value = Number(text), parts = path.split(".");
  if (text.trim() === "" || !Number.isFinite(value)) return render();
  const place = parts.slice(0, -1).reduce((at, key) => at[key], app.data);
  place[parts[parts.length - 1]] = value;
  app.origin = "edited";
  change();
}

function setWeight(path, text) {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) return render();
  app.edits[app.side][path] = value;
  change();
}

const ACTIONS = {
  close: () => { app.cell = null; renderStep(); remember(true); },
  example: () => { app.data = structuredClone(DATA.example); app.parameters = { ...app.parameters, ...DATA.start }; app.origin = "example"; change(); },
  another: () => { app.seed += 1; app.n = app.data.X.length; regenerate(); suit(); change(); },
  suit: () => { suit(); change(); },
  restore: (target) => { app.edits[Number(target.dataset.side)] = {}; change(); },
  save,
};

document.addEventListener("click", (event) => {
  const at = event.target.closest("[data-go],[data-do],[data-cell],[data-layer],[data-view],[data-restore],[data-counterexample]");
  if (!at) return;
  const { dataset } = at;
  if (dataset.go) go(app.layer + Number(dataset.go));
  else if (dataset.cell) openCell(dataset.cell, Number(dataset.side));
  else if (dataset.layer) go(Number(dataset.layer));
  else if (dataset.view) {
    app.view = dataset.view === "both" ? "both" : "one";
    if (app.view === "one") app.side = Number(dataset.view);
    render();
    remember(true);
  } else if (dataset.restore) { delete app.edits[app.side][dataset.restore]; change(); }
  else if (dataset.counterexample) loadCounterexample(Number(dataset.counterexample));
  else if (ACTIONS[dataset.do]) ACTIONS[dataset.do](at);
});

document.addEventListener("input", (event) => {
  const { dataset, value, id } = event.target;
  if (id === "slider") go(Number(value), false);
  if (dataset.slide) {
    app.parameters[dataset.slide] = Number((10 ** Number(value)).toPrecision(3));
    change(false);
  }
});

document.addEventListener("change", (event) => {
  const { dataset, value, id, checked } = event.target;
  if (id === "slider") remember(true);
  else if (dataset.slide) remember(true);
  else if (dataset.entry) setEntry(dataset.entry, value);
  else if (dataset.weight) setWeight(dataset.weight, value);
  else if (dataset.axis) { setAxis(dataset.axis, value); change(); }
  else if (dataset.scalar) setScalar(dataset.scalar, value);
  else if (dataset.random) setRandom(dataset.random, value);
  else if (dataset.do === "numbers") { app.numbers = checked; renderStream(); }
  else if (dataset.do === "scores") { app.scores = checked; renderLayer(); }
  else if (dataset.do === "coordinate") { app.coordinate = Number(value); renderPlot(); }
  else if (dataset.do === "open") open_(event.target);
});

function setScalar(name, text) {
  const value = Number(text), { zero } = DATA.sides[app.side].family;
  if (text.trim() === "" || !Number.isFinite(value) || value < 0 || (value === 0 && !zero.includes(name))) return render();
  app.parameters[name] = value;
  change();
}

function setRandom(name, text) {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) return render();
  app.n = app.data.X.length;
  if (name === "n") app.n = Math.max(1, Math.min(32, Math.round(value)));
  if (name === "condition") app.condition = Math.max(1, value);
  if (name === "seed") app.seed = Math.max(0, Math.round(value));
  regenerate();
  suit();
  change();
}

function loadCounterexample(i) {
  const example = DATA.counterexamples[i];
  app.parameters = { ...app.parameters, ...example.parameters };
  app.data = structuredClone(example.data);
  app.origin = `counterexample${i}`;
  app.edits = DATA.sides.map(() => ({}));
  change(false);
  const found = app.models.findIndex((model) => model && model.comparison.first);
  if (found >= 0) {
    const f = app.models[found].comparison.first;
    app.layer = f.layer;
    openCell(`${f.slot}.${f.entry}.${f.token}`, found);
  } else remember(true);
}

// -- keys and dragging ------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const { target, key } = event;
  if (target.dataset && target.dataset.cell) return moveInGrid(event);
  if (target.dataset && target.dataset.point) return movePoint(event);
  if (target.closest("input, select, textarea")) return;
  if (key === "ArrowRight") { go(app.layer + 1); event.preventDefault(); }
  if (key === "ArrowLeft") { go(app.layer - 1); event.preventDefault(); }
  if (key === "Escape" && app.cell) ACTIONS.close();
});

function moveInGrid(event) {
  const { key, target } = event;
  if (key === "Enter" || key === " ") { openCell(target.dataset.cell, Number(target.dataset.side)); event.preventDefault(); return; }
  if (key === "Escape") { ACTIONS.close(); return; }
  const cells = [...target.parentElement.querySelectorAll("[data-cell]")], column = cells.indexOf(target);
  const lines = [...target.closest("tbody").rows], line = lines.indexOf(target.parentElement);
  const next = { ArrowRight: [line, column + 1], ArrowLeft: [line, column - 1], ArrowDown: [line + 1, column], ArrowUp: [line - 1, column] }[key];
  if (!next) return;
  event.preventDefault();
  const to = lines[next[0]] && lines[next[0]].querySelectorAll("[data-cell]")[next[1]];
  if (to) { target.tabIndex = -1; to.tabIndex = 0; to.focus(); }
}

function movePoint(event) {
  const j = Number(event.target.dataset.point), step = event.shiftKey ? 0.5 : 0.1;
  const by = { ArrowRight: [step, 0], ArrowLeft: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[event.key];
  if (!by) return;
  event.preventDefault();
  placePoint(j, app.data.X[j][app.coordinate] + by[0], app.data.y[j] + by[1]);
}

function placePoint(j, x, y) {
  const round = (v) => Math.round(v * 100) / 100 || 0;
  app.data.X[j][app.coordinate] = round(x);
  app.data.y[j] = round(y);
  app.origin = "edited";
  change(false);
}

byId("plot").addEventListener("pointerdown", (event) => {
  const point = event.target.closest("[data-point]");
  if (!point) return;
  event.preventDefault();
  const j = Number(point.dataset.point), range = plotRange(), { W, H, pad } = PLOT;
  app.range = range;
  point.focus();
  const move = (at) => {
    const box = byId("points").getBoundingClientRect(), unit = W / box.width;
    const x = (((at.clientX - box.left) * unit - pad) / (W - 2 * pad)) * 2 * range.x - range.x;
    const y = range.y - (((at.clientY - box.top) * unit - pad) / (H - 2 * pad)) * 2 * range.y;
    placePoint(j, Math.max(-range.x, Math.min(range.x, x)), Math.max(-range.y, Math.min(range.y, y)));
  };
  const done = () => {
    window.removeEventListener("pointermove", move);
    app.range = null;
    renderPlot();
    remember(true);
  };
  window.addEventListener("pointermove", move);
  window.addEventListener("pointerup", done, { once: true });
});

// -- the address and the file ----------------------------------------------------------------------------

function address() {
  const parts = [`layer=${app.layer}`];
  if (app.cell) parts.push(`cell=${app.cell.id}`, `side=${app.cell.side}`);
  else if (app.view === "one" && DATA.sides.length > 1) parts.push(`side=${app.side}`);
  for (const [name, value] of Object.entries(app.parameters)) {
    if (String(value) !== String(DATA.start[name])) parts.push(`${name}=${value}`);
  }
  if (app.origin === "random") parts.push(`data=${app.data.X.length},${app.condition},${app.seed}`);
  if (app.origin.startsWith("counterexample")) parts.push(`data=${app.origin}`);
  return `#${parts.join("&")}`;
}

function remember(push) {
  const now = address();
  if (now === window.location.hash) return;
  if (push) history.pushState(null, "", now);
  else history.replaceState(null, "", now);
}

function recall() {
  const hash = decodeURIComponent(window.location.hash.slice(1));
  if (!hash.includes("=")) return;
  const given = new Map(hash.split("&").map((part) => part.split(/=(.*)/s).slice(0, 2)));
  for (const [name, value] of Object.entries(DATA.start)) {
    const text = given.get(name);
    app.parameters[name] = text === undefined ? value : typeof value === "number" && Number.isFinite(Number(text)) ? Number(text) : text;
  }
  if (!variantOf(DATA.sides[app.side].family, app.parameters)) app.parameters = { ...DATA.start };
  const prompt = given.get("data");
  if (prompt && prompt.startsWith("counterexample")) {
    const example = (DATA.counterexamples ?? [])[Number(prompt.slice(14))];
    if (example) { app.data = structuredClone(example.data); app.origin = prompt; }
  } else if (prompt) {
    const [n, condition, seed] = prompt.split(",").map(Number);
    if ([n, condition, seed].every(Number.isFinite)) {
      Object.assign(app, { n, condition, seed });
      regenerate();
    }
  } else if (app.origin !== "edited" && app.origin !== "example") {
    app.data = structuredClone(DATA.example);
    app.origin = "example";
  }
  const side = Number(given.get("side") ?? app.side);
  app.side = DATA.sides[side] ? side : 0;
  app.cell = null;
  if (!fits(variantOf(DATA.sides[app.side].family, app.parameters))) regenerate();
  recompute();
  app.layer = Math.max(0, Math.min(app.layers, Math.round(Number(given.get("layer"))) || 0));
  const found = /^(.+)\.(\d+)\.(\d+)$/.exec(given.get("cell") ?? "");
  if (found) {
    const cell = { id: found[0], slot: found[1], i: Number(found[2]), t: Number(found[3]), side: app.side };
    if (cellExists(cell)) app.cell = cell;
  }
  render();
}

// The state as a file that `witness run` reads.
function saved() {
  const { name } = DATA;
  const document_ = { witness: name, parameters: { ...DATA.sides[app.side].family.fixed, ...app.parameters },
    X: app.data.X, y: app.data.y, queries: app.data.queries };
  if (Object.keys(app.edits[app.side]).length) document_.edits = app.edits[app.side];
  return document_;
}

function save() {
  const link = document.createElement("a");
  const blob = new Blob([JSON.stringify(saved(), null, 1)], { type: "application/json" });
  link.href = URL.createObjectURL(blob);
  link.download = `${DATA.name}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}

async function open_(input) {
  try {
    const given = JSON.parse(await input.files[0].text());
    const isRow = (row_) => Array.isArray(row_) && row_.length > 0 && row_.every(Number.isFinite);
    if (!isRow(given.y) || !given.X.every(isRow) || !given.queries.every(isRow) || given.X.length !== given.y.length) throw new Error("X, y and queries must be tables of numbers that fit together");
    if (!given.X.concat(given.queries).every((row_) => row_.length === given.X[0].length)) throw new Error("all rows of X and queries need the same length");
    if (given.witness !== DATA.name) throw new Error(`it is about ${given.witness}, this page about ${DATA.name}`);
    const parameters = { ...app.parameters };
    for (const name of Object.keys(DATA.start)) if (name in (given.parameters ?? {})) parameters[name] = given.parameters[name];
    if (!variantOf(DATA.sides[app.side].family, parameters)) throw new Error("this page has no witness of that size");
    app.parameters = parameters;
    app.data = { X: given.X, y: given.y, queries: given.queries };
    app.edits[app.side] = given.edits ?? {};
    app.origin = "edited";
    change();
  } catch (error) {
    byId("verdict").insertAdjacentHTML("beforeend", `<p class="refuted">The file could not be opened: ${escapeText(error.message)}.</p>`);
  }
}

window.addEventListener("hashchange", () => {
  recall();
  if (window.location.hash.includes("=")) byId("play").scrollIntoView();
});
window.addEventListener("popstate", recall);

byId("lab").hidden = false;
setUpExercises();
recompute();
app.layer = Math.min(1, app.layers);
if (window.location.hash.includes("=")) recall();
else render();
window.page = { app, saved, change, go, arithmetic, rightAnswer, show, exercises: DATA.lesson.exercises, lens: (k) => lens(app.models[app.side].result, k, DATA.lesson.lens) };
