// The address that remembers the state: where the reader looks, and everything that was changed.
//
//   #layer=3&cell=t.1.2&side=0&view=one     where the reader looks
//   &across=v1&numbers=0&scores=1           along what points are drawn, and what cells say
//   &iterations=4&alpha=1/3&suited=1        parameters that differ; suited: the page chose the step size
//   &data=5,2,9                             n examples, condition number, seed; or counterexample0
//   &set=x1.2:1/3,y3:-7.5,q1.1:2            numbers of that prompt that were changed
//   &X=1,2;3,4&y=1,2&q=0.5,1                or a whole prompt; y=1,2;3,4 where a y has two numbers
//   &w=layers.1.heads.0.value.0:-0.49       changed weights; w1= those of the second side

// -- writing ------------------------------------------------------------------------------------

// In an address, what is readable stays so.
const kept_ = (text) => encodeURIComponent(text).replace(/%(2C|3A|3B|2F)/g, decodeURIComponent);

function placeParts(place = app) {
  const { layer, cell } = place, parts = [`layer=${layer}`];
  if (cell) parts.push(`cell=${kept_(cell.id)}`, `side=${cell.side}`);
  else if (app.view === "one" && DATA.sides.length > 1) parts.push(`side=${app.side}`);
  if (app.view === "one" && DATA.sides.length > 1) parts.push("view=one");
  if (directions().some(({ key }) => key === app.direction)) parts.push(`across=${app.direction}`);
  if (!app.numbers) parts.push("numbers=0");
  if (app.scores) parts.push("scores=1");
  return parts;
}

function editParts() {
  const parts = [], start = startOf(app.origin), { family } = DATA.sides[app.side];
  const steps = stepNames(app.analysis), changed = changedNumbers(), drawn = app.origin !== "example" || changed !== "";
  for (const [name, value] of Object.entries(app.parameters)) {
    if (String(value) === String(start[name]) && !(steps.includes(name) && drawn) && !app.own.has(name)) continue;
    parts.push(`${name}=${kept_(name in family.scalars ? written(name, value) : String(value))}`);
    if (steps.includes(name) && !app.own.has(name) && !parts.includes("suited=1")) parts.push("suited=1");
  }
  if (app.origin === "random") parts.push(`data=${app.data.X.length},${app.condition},${app.seed}`);
  if (app.origin.startsWith("counterexample")) parts.push(`data=${app.origin}`);
  parts.push(changed);
  DATA.sides.forEach((_, side) => {
    const weights = Object.entries(app.edits[side]).map(([path, value]) => `${path}:${written(`edits.${side}.${path}`, value)}`);
    if (weights.length) parts.push(`w${side || ""}=${kept_(weights.join(","))}`);
  });
  return parts.filter(Boolean);
}

const address = () => `#${[...placeParts(), ...editParts()].join("&")}`;
// The same state, looked at where `found` is.
const addressOf = ({ layer, slot, entry, token }, side) =>
  `#${[...placeParts({ layer, cell: { id: `${slot}.${entry}.${token}`, side } }), ...editParts()].join("&")}`;

// The prompt that changes are made to, and the parameters it comes with; null of a table.
function promptOf(origin) {
  if (origin === "example") return DATA.example;
  if (origin === "random") return drawnPrompt(app.data.X.length);
  const found = /^counterexample(\d+)$/.exec(origin);
  return found && (DATA.counterexamples ?? [])[Number(found[1])] ? DATA.counterexamples[Number(found[1])].data : null;
}
function startOf(origin) {
  const found = /^counterexample(\d+)$/.exec(origin), given = found && (DATA.counterexamples ?? [])[Number(found[1])];
  return given ? { ...DATA.start, ...given.parameters } : DATA.start;
}

// [code, key, value] of every number of a prompt: x1.2 is X.0.1, the second number of the first x.
function numbersOf({ X, y, queries }) {
  const table = (rows_, code, key) => rows_.flatMap((x, j) => x.map((v, i) => [`${code}${j + 1}.${i + 1}`, `${key}.${j}.${i}`, v]));
  const targets = y.some(Array.isArray) ? table(y, "y", "y") : y.map((v, j) => [`y${j + 1}`, `y.${j}`, v]);
  return [...table(X, "x", "X"), ...targets, ...table(queries, "q", "queries")];
}
// The key of number i of y j: of one that stands alone that of y itself.
const targetKey = (j, i) => (Array.isArray(app.data.y[j]) ? `y.${j}.${i}` : `y.${j}`);

function changedNumbers() {
  const base = promptOf(app.origin), now = numbersOf(app.data);
  const rows_ = (list, key) => list.map((x, j) => x.map((v, i) => written(`${key}.${j}.${i}`, v)).join(",")).join(";");
  const { X, y, queries } = app.data;
  const targets = y.some(Array.isArray) ? rows_(y, "y") : y.map((v, j) => written(`y.${j}`, v)).join(",");
  const whole = () => kept_(`X=${rows_(X, "X")}`).replace("%3D", "=") + `&y=${targets}&q=${rows_(queries, "queries")}`;
  if (base === null) return whole();
  const before = new Map(numbersOf(base).map(([code, , value]) => [code, value]));
  if (before.size !== now.length || now.some(([code]) => !before.has(code))) return whole();
  const changed = now.filter(([code, key, value]) => written(key, value) !== String(before.get(code)))
    .map(([code, key, value]) => `${code}:${written(key, value)}`);
  return changed.length ? `set=${changed.join(",")}` : "";
}

// -- reading ------------------------------------------------------------------------------------

// {name: text} of a fragment, as a Map; what cannot be read is said.
function readAddress(fragment) {
  const given = new Map();
  if (fragment.length > 200000) { say("The address is too long to be one of this page."); return given; }
  for (const part of fragment.replace(/^#/, "").split("&")) {
    const at = part.indexOf("=");
    if (at < 1) continue;
    try {
      given.set(decodeURIComponent(part.slice(0, at)), decodeURIComponent(part.slice(at + 1)));
    } catch {
      say(`The address is damaged at “${shortened(part)}”.`);
    }
  }
  return given;
}

function refuse(what, text, reason) {
  const given = shortened(String(text));
  say(`${what} ${reason.includes(given) ? "" : `“${given}” `}of the address is not taken. ${reason}`);
}

// The state that an address gives. What it does not mention is as the page starts; what is
// refused is said and left out.
function adopt(given) {
  Object.assign(app, { typed: exactStart(), refused: new Map(), own: new Set(), table: null, cell: null });
  const side = given.has("side") ? Number(given.get("side")) : app.side;
  app.side = Object.hasOwn(DATA.sides, side) ? side : 0;
  if (given.has("side") && app.side !== side) refuse("The side", given.get("side"), `There ${DATA.sides.length === 1 ? "is one, 0" : "are 0 and 1"}.`);
  app.view = DATA.sides.length > 1 && given.get("view") !== "one" ? "both" : "one";
  app.origin = adoptOrigin(given.get("data"));
  const taken = adoptParameters(given);
  adoptPrompt(given);
  adoptWeights(given);
  const names = stepNames(analyseNow()), starts = app.origin === "example" && changedNumbers() === "";
  if (!starts && !names.some((name) => taken.has(name)) && runsAway(analyseNow())) {
    if (app.origin.startsWith("counterexample")) names.forEach((name) => app.own.add(name)); // it is asked for
    else suit();
  }
  if (!given.has("suited")) for (const name of names) if (taken.has(name)) app.own.add(name);
  recompute();
  adoptPlace(given);
}

function adoptOrigin(text) {
  if (text === undefined) return "example";
  const found = /^counterexample(\d+)$/.exec(text);
  if (found && (DATA.counterexamples ?? [])[Number(found[1])]) return text;
  if (!found && text.split(",").length === 3) return "random";
  refuse("The prompt", text, "It is n,condition,seed.");
  return "example";
}

// The names of those that are taken.
function adoptParameters(given) {
  const { axes, scalars } = DATA.sides[app.side].family, taken = new Set();
  app.parameters = { ...startOf(app.origin) };
  for (const name of Object.keys(DATA.start)) {
    const text = given.get(name);
    if (text === undefined) continue;
    if (Object.hasOwn(axes, name)) {
      const value = axes[name].find((v) => String(v) === text);
      if (value === undefined) refuse(name, text, `On offer: ${axes[name].join(", ")}.`);
      else { app.parameters[name] = value; taken.add(name); }
    } else if (Object.hasOwn(scalars, name)) {
      const read = readNumber(text, scalarLimits(name));
      if (read.why) { refuse(letterOf(name), text, read.why); continue; }
      app.parameters[name] = read.value;
      app.typed.set(name, read.text);
      taken.add(name);
    }
  }
  if (chosen()) return taken;
  say("These sizes and words of the address do not go together.");
  app.parameters = { ...DATA.start };
  return new Set();
}

function adoptPrompt(given) {
  const variant = chosen(), { targets } = variant.prompt;
  if (app.origin === "random") adoptDrawn(given.get("data"), variant);
  else app.data = structuredClone(promptOf(app.origin));
  if (!fits(variant)) {
    Object.assign(app, { origin: "random", n: variant.examples ?? DATA.example.X.length });
    regenerate();
  }
  if (given.has("X") || given.has("y") || given.has("q")) {
    const rows_ = (name) => (given.get(name) ?? "").split(";").map((row_) => (row_ === "" ? [] : row_.split(",")));
    const queries = queryInputsOf(variant.prompt) ? rows_("q") : [];
    adoptTable({ X: rows_("X"), y: targets === 1 ? rows_("y")[0] : rows_("y"), queries }, variant, (reason) => say(`The prompt of the address is not taken. ${reason}`));
  }
  const codes = new Map(numbersOf(app.data).map(([code, key]) => [code, key]));
  for (const part of given.has("set") ? given.get("set").split(",") : []) {
    const [code, text] = part.split(/:(.*)/s), key = codes.get(code), read = readNumber(text ?? "");
    if (key === undefined) refuse("The change", part, `This prompt has ${word(app.data.X.length, "example")} of ${word(app.data.X[0].length, "number")}.`);
    else if (read.why) refuse("The change", part, read.why);
    else { putEntry(key, read.value); app.typed.set(key, read.text); }
  }
}

function adoptDrawn(text, variant) {
  const names = ["n", "condition", "seed"], parts = text.split(",");
  const read = names.map((name, i) => readNumber(parts[i], DRAWN[name])), at = read.findIndex((one) => one.why), wrong = read[at];
  if (wrong) refuse("The prompt", text, `It is n,condition,seed, and of ${names[at]}: ${wrong.why}`);
  else [app.n, app.condition, app.seed] = read.map((one) => one.value);
  if (wrong) { app.origin = "example"; app.data = structuredClone(DATA.example); return; }
  if (variant.examples !== null && variant.examples !== app.n) {
    refuse("The prompt", text, `These weights take ${word(variant.examples, "example")}.`);
  }
  regenerate();
}

// A whole prompt of texts or numbers, or `complain` of the first thing that is wrong with it.
function adoptTable(texts, variant, complain) {
  const { prompt } = variant, made = { X: [], y: [], queries: [] }, typed = new Map();
  const number_ = (text, key) => {
    const read = readNumber(text);
    if (read.why) throw new Error(`${key}: ${read.why}`);
    typed.set(key, read.text);
    return read.value;
  };
  const row_ = (x, key, size) => {
    if (!Array.isArray(x) || x.length !== size) throw new Error(`${key} has ${word(Array.isArray(x) ? x.length : 0, "number")}, and the weights take ${size}.`);
    return x.map((text, i) => number_(text, `${key}.${i}`));
  };
  try {
    const wanted = ["X", "y", ...(queryInputsOf(prompt) ? ["queries"] : [])];
    for (const name of wanted) if (!Array.isArray(texts[name]) || !texts[name].length) throw new Error(`${name} is no list of numbers.`);
    const n = texts.X.length;
    if (variant.examples !== null && variant.examples !== n) throw new Error(`These weights take ${word(variant.examples, "example")}, not ${n}.`);
    if (n > MOST_EXAMPLES || (texts.queries ?? []).length > MOST_EXAMPLES) throw new Error(`A page shows up to ${MOST_EXAMPLES} examples, not ${n}.`);
    if (texts.y.length !== n) throw new Error(`There are ${n} x and ${texts.y.length} y.`);
    made.X = texts.X.map((x, j) => row_(x, `X.${j}`, inputsOf(prompt)));
    made.y = texts.y.map((y, j) => (prompt.targets === 1 ? number_(y, `y.${j}`) : row_(y, `y.${j}`, prompt.targets)));
    made.queries = (texts.queries ?? []).map((x, j) => row_(x, `queries.${j}`, queryInputsOf(prompt)));
  } catch (error) {
    complain(error.message);
    return false;
  }
  app.data = made;
  app.origin = "table";
  for (const [key, text] of typed) app.typed.set(key, text);
  return true;
}

function adoptWeights(given) {
  app.edits = DATA.sides.map(({ family }, side) => {
    const text = given.get(`w${side || ""}`), edits = {};
    if (!text) return edits;
    const blocks = blocksOf(assemble(family, DATA.pools, { ...family.fixed, ...app.parameters }, {}));
    for (const part of text.split(",")) {
      const [path, number_] = part.split(/:(.*)/s), read = readNumber(number_ ?? "");
      if (!blocks.has(path)) refuse("The weight", part, "There is no such weight at this size.");
      else if (read.why) refuse("The weight", part, read.why);
      else { edits[path] = read.value; app.typed.set(`edits.${side}.${path}`, read.text); }
    }
    return edits;
  });
}

function adoptPlace(given) {
  const layer = readNumber(given.get("layer") ?? 0, { least: 0, most: app.layers, whole: true });
  if (layer.why) refuse("The layer", given.get("layer"), `There are 0 to ${app.layers}.`);
  app.layer = layer.why ? (Number(given.get("layer")) > app.layers ? app.layers : 0) : layer.value;
  Object.assign(app, { direction: null, coordinate: 0 });
  const across = given.get("across");
  if (directions().some(({ key }) => key === across)) chooseDirection(across);
  else if (across !== undefined) refuse("The direction", across, `There are ${directions().map(({ key }) => key).join(", ")}.`);
  for (const [name, usual] of [["numbers", true], ["scores", false]]) {
    const text = given.get(name);
    if (text !== undefined && text !== "0" && text !== "1") refuse("The switch", text, `${name} is 0 or 1.`);
    app[name] = text === "0" || text === "1" ? text === "1" : usual;
  }
  if (!given.has("cell")) return;
  const found = /^(.+)\.(\d{1,6})\.(\d{1,6})$/.exec(given.get("cell"));
  const cell = found && { id: found[0], slot: found[1], i: Number(found[2]), t: Number(found[3]), side: app.side };
  if (cell && cellExists(cell)) app.cell = cell;
  else refuse("The cell", given.get("cell"), "There is no such cell at this size.");
}

function recall(from = window.location.hash) {
  if (!from.includes("=")) return;
  app.notices = [];
  adopt(readAddress(from));
  render();
}

// A link into a step shows the step; going back from one step to another moves nothing.
function showLab() {
  if (EMBEDDED || PRESENTED) return;
  const box = byId("lab").getBoundingClientRect();
  if (box.bottom < 100 || box.top > window.innerHeight / 4) byId("play").scrollIntoView();
}
