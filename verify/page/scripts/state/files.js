// Files: the state that `witness run` reads, and what a reader opens or drops on the page.

// The state; fractions as text.
function saved() {
  const { X, y, queries } = app.data, side = DATA.sides[app.side];
  const rows_ = (list, key) => list.map((x, j) => x.map((v, i) => exactly(`${key}.${j}.${i}`, v)));
  const parameters = { ...side.family.fixed };
  for (const [name, value] of Object.entries(app.parameters)) parameters[name] = typeof value === "number" ? exactly(name, value) : value;
  const made = { witness: DATA.name, parameters, X: rows_(X, "X"), y: y.map((v, j) => (Array.isArray(v) ? v.map((one, i) => exactly(targetKey(j, i), one)) : exactly(`y.${j}`, v))), queries: rows_(queries, "queries") };
  if (DATA.sides.length > 1) made.variant = side.variant;
  const edits = Object.entries(app.edits[app.side]).map(([path, value]) => [path, exactly(`edits.${app.side}.${path}`, value)]);
  if (edits.length) made.edits = Object.fromEntries(edits);
  return made;
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function save() {
  download(new Blob([JSON.stringify(saved(), null, 1)], { type: "application/json" }), `${DATA.name}.json`);
}

// A state or a table, by what the file is.
async function openFile(file) {
  try {
    if (file.size > 5e6) throw new Error("it is larger than 5 MB");
    const text = await file.text();
    if (/\.json$/i.test(file.name)) openState(text);
    else openTable(file.name, text);
  } catch (error) {
    app.notices = [];
    say(`${file.name} could not be opened: ${error.message.replace(/\.$/, "")}.`);
    renderVerdict();
  }
}

// A state that was saved; what is wrong with it is thrown, and nothing changes.
function openState(text) {
  const given = JSON.parse(text);
  if (given === null || typeof given !== "object") throw new Error("it is no saved state");
  if (given.witness !== DATA.name) throw new Error(`it is about ${given.witness}, this page about ${DATA.name}`);
  const fragment = new Map(), before = address(), notices = [];
  const side = DATA.sides.findIndex(({ variant }) => variant === given.variant);
  for (const [name, value] of Object.entries(given.parameters ?? {})) if (Object.hasOwn(DATA.start, name)) fragment.set(name, String(value));
  fragment.set("side", String(Math.max(0, side)));
  const weights = Object.entries(given.edits ?? {}).map(([path, value]) => `${path}:${value}`);
  if (weights.length) fragment.set(`w${side > 0 ? side : ""}`, weights.join(","));
  app.notices = [];
  adopt(fragment);
  notices.push(...app.notices);
  if (!notices.length) adoptTable(given, chosen(), (reason) => notices.push(reason));
  if (notices.length) {
    app.notices = [];
    adopt(readAddress(before));
    render();
    throw new Error(notices[0]);
  }
  change();
}
