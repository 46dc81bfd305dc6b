// What a reader does: buttons, fields, keys, dragging.

// Works everything out anew. While something is dragged (`push` false) the address waits.
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

function placeOfCell(id, side) {
  const [, slot, i, t] = /^(.+)\.(\d+)\.(\d+)$/.exec(id);
  return { id, slot, i: Number(i), t: Number(t), side };
}

function openCell(id, side, push) {
  app.cell = placeOfCell(id, side);
  if (app.side !== side) { app.side = side; render(); } else renderStep();
  remember(push ?? true);
}

// A prompt with its x moved into [0, 1], and its y to 0 or 1, where they have to lie there.
function insideOf(made, { unit, classes }) {
  const inside = (rows_) => rows_.map((x) => x.map((v) => Math.round(100 / (1 + Math.exp(-v))) / 100));
  const y = classes ? made.y.map((v) => Number(v > 0)) : made.y;
  return unit ? { X: inside(made.X), y, queries: inside(made.queries) } : { ...made, y };
}

// n examples as the controls have them drawn; where not every prompt is one of the witness's, one
// of those that the page has.
function drawnPrompt(n) {
  const { prompt, examples, prompts } = chosen();
  if (prompts) return structuredClone(DATA.pools.prompts[prompts[app.seed % prompts.length]]);
  return insideOf(randomPrompt(prompt, examples ?? n, app.condition, app.seed), DATA.lesson);
}

function regenerate() {
  app.data = drawnPrompt(app.n);
  app.origin = "random";
  app.table = null;
  forget(/^(X|y|queries)\./);
}

// What was typed into fields whose numbers are replaced.
function forget(keys) {
  for (const map of [app.typed, app.refused]) for (const key of [...map.keys()]) if (keys.test(key)) map.delete(key);
}

function setAxis(name, text) {
  const { family } = DATA.sides[app.side];
  app.notices = [];
  app.parameters[name] = family.axes[name].find((v) => String(v) === text);
  const variant = chosen();
  if (!variant) return;
  if (fits(variant)) suitChangedPrompt();
  else {
    app.n = app.data.X.length;
    regenerate();
    suitNewPrompt();
  }
  checkEdits();
}

function putEntry(path, value) {
  const parts = path.split("."), last = parts.pop();
  parts.reduce((at, key) => at[key], app.data)[last] = value;
}

function setEntry(path, text) {
  offer(path, text, {}, (value) => {
    app.notices = [];
    putEntry(path, value);
    suitChangedPrompt();
    change();
  });
}

function setWeight(path, text) {
  offer(`edits.${app.side}.${path}`, text, {}, (value) => {
    app.notices = [];
    app.edits[app.side][path] = value;
    change();
  });
}

function restoreWeight(path) {
  delete app.edits[app.side][path];
  app.refused.delete(`edits.${app.side}.${path}`);
  app.notices = [];
  change();
}

// The page as it starts.
function startAgain() {
  app.notices = [];
  adopt(new Map([...readAddress(placeParts().join("&"))]));
  change();
}

const ACTIONS = {
  close: () => { app.cell = null; renderStep(); remember(true); },
  example: startAgain,
  another: () => { app.notices = []; app.seed = (app.seed + 1) % 2 ** 32; app.n = app.data.X.length; regenerate(); suitNewPrompt(); change(); },
  suit: () => { app.notices = []; suit(); change(); },
  restore: (target) => {
    app.edits[Number(target.dataset.side)] = {};
    forget(new RegExp(`^edits\\.${Number(target.dataset.side)}\\.`));
    app.notices = [];
    change();
  },
  dismiss: () => { app.notices = []; renderVerdict(); },
  undo: () => travel(-1),
  redo: () => travel(1),
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
  } else if (dataset.restore) restoreWeight(dataset.restore);
  else if (dataset.counterexample) loadCounterexample(Number(dataset.counterexample));
  else if (ACTIONS[dataset.do]) ACTIONS[dataset.do](at);
});

document.addEventListener("input", (event) => {
  const { dataset, value, id } = event.target;
  if (id === "slider") go(Number(value), false);
  if (dataset.slide) {
    app.notices = [];
    setScalar(dataset.slide, String(Number((10 ** Number(value)).toPrecision(3))), false);
  }
});

document.addEventListener("change", (event) => {
  const { dataset, value, id, checked, files } = event.target;
  if (id === "slider") remember(true);
  else if (dataset.slide) remember(true);
  else if (dataset.entry) setEntry(dataset.entry, value);
  else if (dataset.weight) setWeight(dataset.weight, value);
  else if (dataset.axis) { setAxis(dataset.axis, value); change(); }
  else if (dataset.scalar) setScalar(dataset.scalar, value);
  else if (dataset.random) setRandom(dataset.random, value);
  else if (dataset.do === "numbers") { app.numbers = checked; renderStream(); renderArcs(); remember(); }
  else if (dataset.do === "scores") { app.scores = checked; renderLayer(); remember(); }
  else if (dataset.do === "direction") { chooseDirection(value); render(); remember(); }
  else if (dataset.do === "open" && files.length) { openFile(files[0]); event.target.value = ""; }
  else if (dataset.do === "target") chooseColumns(value, app.table.all);
  else if (dataset.feature !== undefined) {
    chooseColumns(app.table.target, [...app.table.names.filter((name) => name !== dataset.feature), ...(checked ? [dataset.feature] : [])]);
  }
});

function setScalar(name, text, push) {
  offer(name, text, scalarLimits(name), (value) => {
    app.notices = [];
    app.parameters[name] = value;
    if (stepNames(app.analysis).includes(name)) app.own.add(name);
    else { // a ridge moves the limit
      app.settled = { ...app.settled, [name]: value };
      suitChangedPrompt();
    }
    change(push);
  });
}

function setRandom(name, text) {
  offer(name, text, DRAWN[name], (value) => {
    app.notices = [];
    app.n = app.data.X.length;
    app[name] = value;
    regenerate();
    suitNewPrompt();
    change();
  });
}

function loadCounterexample(i) {
  app.notices = [];
  adopt(new Map([["data", `counterexample${i}`], ["layer", "0"], ["view", app.view]]));
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
  const { target, key } = event;
  if ((event.ctrlKey || event.metaKey) && !event.altKey) return undoByKey(event);
  if (event.altKey) return;
  if (key === "Tab" && target.dataset && target.dataset.field && target.value !== target.defaultValue) return takeAndGoOn(event);
  if (target.dataset && target.dataset.cell) return moveInGrid(event);
  if (target.dataset && target.dataset.point) return movePoint(event);
  if (target.dataset && target.dataset.example) return moveHeld(event);
  if (target.dataset && target.dataset.random) return stepField(event);
  if (target.closest("input, select, textarea")) return;
  if (PRESENTED && turnPage(event)) return;
  if (key === "ArrowRight") { go(app.layer + 1); event.preventDefault(); }
  if (key === "ArrowLeft") { go(app.layer - 1); event.preventDefault(); }
  if (key === "Escape" && app.cell) ACTIONS.close();
});

// Ctrl+Z and Ctrl+Shift+Z or Ctrl+Y; in a field that is being typed in they are the field's.
function undoByKey(event) {
  const { target, key, shiftKey } = event, name = key.toLowerCase();
  if (name !== "z" && name !== "y") return;
  if (target.matches("input[type=text]") && target.value !== target.defaultValue) return;
  event.preventDefault();
  travel(name === "z" && !shiftKey ? -1 : 1);
}

// Takes what was typed, which draws the field anew, and goes on from there.
function takeAndGoOn(event) {
  const { target, shiftKey } = event, name = target.dataset.focus;
  event.preventDefault();
  target.dispatchEvent(new Event("change", { bubbles: true }));
  const all = [...document.querySelectorAll("a[href], button:not(:disabled), input, select, summary, [tabindex='0']")].filter((e) => e.offsetParent || e.ownerSVGElement);
  const next = all[all.findIndex((e) => e.dataset.focus === name) + (shiftKey ? -1 : 1)];
  if (!next) return;
  next.focus();
  if (next.localName === "input" && next.type === "text") next.select();
}

// Arrows count whole numbers up and down.
function stepField({ key, target }) {
  const by = { ArrowUp: 1, ArrowDown: -1 }[key], { random } = target.dataset;
  if (by === undefined || !DRAWN[random].whole) return;
  const value = readNumber(target.value).value, { least, most } = DRAWN[random];
  if (value !== undefined && value + by >= least && value + by <= most) setRandom(random, String(value + by));
}

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
  if (!to) return;
  for (const cell of [target, to]) looks.delete(cell); // no longer as it was drawn
  target.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
}

function movePoint(event) {
  const j = Number(event.target.dataset.point), step = event.shiftKey ? 0.5 : 0.1;
  const by = { ArrowRight: [step, 0], ArrowLeft: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[event.key];
  if (!by) return;
  event.preventDefault();
  placePoint(j, placeOf(j) + by[0], app.data.y[j] + by[1]);
}

const placePoint = (j, x, y) => pointMoved(moveExample(j, x, y));

// While a point moves, which changed these numbers; `remember` ends it.
function pointMoved(keys) {
  app.notices = [];
  for (const key of keys) { app.typed.delete(key); app.refused.delete(key); }
  suitChangedPrompt();
  change(false);
}

document.addEventListener("keyup", ({ target, key }) => {
  if (target.dataset && (target.dataset.point || target.dataset.example) && key.startsWith("Arrow")) remember(true);
});

movedByTouch(byId("plot"), "[data-point]");
byId("plot").addEventListener("pointerdown", (event) => {
  const point = event.target.closest("[data-point]");
  if (!point) return;
  event.preventDefault();
  const j = Number(point.dataset.point), range = plotRange();
  app.range = range;
  point.focus();
  const svg = byId("points"), frame = plotOf(range);
  followPointer((at) => placePoint(j, ...underPointer(svg, frame, at)), () => { app.range = null; renderPlot(); remember(true); });
});
