// The address that remembers the state, and the file that it is saved in.

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
  if (!chosen()) app.parameters = { ...DATA.start };
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
  if (!fits(chosen())) regenerate();
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
    if (!memberOf(DATA.sides[app.side].family, parameters)) throw new Error("this page has no witness of that size");
    app.parameters = parameters;
    app.data = { X: given.X, y: given.y, queries: given.queries };
    app.edits[app.side] = given.edits ?? {};
    app.origin = "edited";
    change();
  } catch (error) {
    byId("verdict").insertAdjacentHTML("beforeend", `<p class="refuted">The file could not be opened: ${escapeText(error.message)}.</p>`);
  }
}

// A link into a step shows the step; going back from one step to another moves nothing.
function showLab() {
  const box = byId("lab").getBoundingClientRect();
  if (box.bottom < 100 || box.top > window.innerHeight / 4) byId("play").scrollIntoView();
}

window.addEventListener("popstate", () => {
  recall();
  if (window.location.hash.includes("=")) showLab();
});
