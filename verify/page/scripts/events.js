// What a reader does: buttons, fields, keys, dragging.

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
  const variant = chosen();
  app.data = randomPrompt(variant.prompt.d, variant.examples ?? app.n, app.condition, app.seed);
  const inside = (rows_) => rows_.map((x) => x.map((v) => Math.round(100 / (1 + Math.exp(-v))) / 100));
  if (DATA.lesson.unit) Object.assign(app.data, { X: inside(app.data.X), queries: inside(app.data.queries) });
  app.origin = "random";
}

function suit() {
  recompute(); // the limit is that of the prompt as it is now
  const { limit } = app.analysis;
  if (limit) app.parameters[limit.name] = Number((limit.value * 0.6).toPrecision(3));
}

function setAxis(name, text) {
  const { family } = DATA.sides[app.side];
  app.parameters[name] = family.axes[name].find((v) => String(v) === text);
  const variant = chosen();
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
  else if (dataset.do === "direction") { chooseDirection(value); renderPlot(); }
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
  placePoint(j, placeOf(j) + by[0], app.data.y[j] + by[1]);
}

function placePoint(j, x, y) {
  moveExample(j, x, y);
  app.origin = "edited";
  change(false);
}

byId("plot").addEventListener("pointerdown", (event) => {
  const point = event.target.closest("[data-point]");
  if (!point) return;
  event.preventDefault();
  const j = Number(point.dataset.point), range = plotRange();
  app.range = range;
  point.focus();
  const move = (at) => placePoint(j, ...underPointer(range, at));
  const done = () => {
    window.removeEventListener("pointermove", move);
    app.range = null;
    renderPlot();
    remember(true);
  };
  window.addEventListener("pointermove", move);
  window.addEventListener("pointerup", done, { once: true });
});
