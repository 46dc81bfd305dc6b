// The reader's own table: a CSV file is read here and runs through the weights in the page.

// Cells by row, and the mark between them: comma, semicolon or tab, whichever divides the header.
function readCsv(text) {
  const head = text.split(/\r\n|\n|\r/, 1)[0].replace(/"[^"]*"/g, "");
  const mark = [",", ";", "\t"].map((m) => [head.split(m).length, m]).reduce((a, b) => (b[0] > a[0] ? b : a))[1];
  const lines = [];
  let line = [], cell = "", quoted = false, wasQuoted = false;
  const endCell = () => { line.push(wasQuoted ? cell : cell.trim()); cell = ""; wasQuoted = false; };
  const endLine = () => { endCell(); if (line.length > 1 || line[0] !== "") lines.push(line); line = []; };
  for (let at = 0; at < text.length; at++) {
    const c = text[at];
    if (quoted) {
      if (c === '"' && text[at + 1] === '"') { cell += '"'; at += 1; }
      else if (c === '"') quoted = false;
      else cell += c;
    } else if (c === '"' && cell.trim() === "") { quoted = wasQuoted = true; cell = ""; }
    else if (c === mark) endCell();
    else if (c === "\n" || c === "\r") { if (c === "\r" && text[at + 1] === "\n") at += 1; endLine(); }
    else if (!(wasQuoted && c.trim() === "")) cell += c;
  }
  if (quoted) throw new Error("a quotation mark is opened and never closed");
  if (cell !== "" || line.length) endLine();
  return { lines, mark };
}

// A table with a header: {names, rows: texts}, every row as long as the header.
function tableOf(text) {
  const { lines, mark } = readCsv(text);
  if (!lines.length) throw new Error("it is empty");
  const [names, ...body] = lines.map((line) => line.map((cell) => cell.trim()));
  if (names.every((name) => name !== "" && readNumber(name).why === undefined)) throw new Error("its first line holds numbers; it must hold the names of the columns");
  names.forEach((name, i) => {
    if (name === "") throw new Error(`column ${i + 1} has no name`);
    if (names.indexOf(name) !== i) throw new Error(`two columns are named ${name}`);
  });
  if (names.length < 2) throw new Error("it has one column; an x and a y are needed");
  body.forEach((line, j) => {
    if (line.length !== names.length) throw new Error(`row ${j + 1} has ${word(line.length, "cell")}, and there are ${names.length} columns`);
  });
  // where commas do not separate, one is a decimal comma
  const rows_ = mark === "," ? body : body.map((line) => line.map((cell) => (/^[-+]?\d+,\d+$/.test(cell) ? cell.replace(",", ".") : cell)));
  return { names, rows: rows_ };
}

const sizesOnOffer = (axis) => DATA.sides[app.side].family.axes[axis];

// What of the table is the prompt: x from `features`, y the `target`; the rows without a target are
// the queries, or else the last row. Sizes follow from it.
function promptFrom(table, target, features) {
  const at = features.map((name) => table.names.indexOf(name)), last = table.names.indexOf(target);
  const read = (text, row_, name) => {
    const made = readNumber(text);
    if (made.why !== undefined) throw new Error(`row ${row_ + 1}, column ${name}: ${text === "" ? "nothing stands there" : made.why}`);
    return made.text;
  };
  const open_ = table.rows.flatMap((line, j) => (line[last] === "" || line[last] === "?" ? [j] : []));
  const asked = open_.length ? open_.slice(0, MOST_EXAMPLES) : [table.rows.length - 1];
  const rest = table.rows.map((_, j) => j).filter((j) => !asked.includes(j) && !open_.includes(j));
  if (!rest.length) throw new Error("two rows are needed: an example, and one that is asked about");
  const used = rest.slice(0, MOST_EXAMPLES);
  const xs = (j) => at.map((i, k) => read(table.rows[j][i], j, features[k]));
  return {
    asked, open: open_.length > 0, left: table.rows.length - asked.length - used.length,
    X: used.map(xs), y: used.map((j) => read(table.rows[j][last], j, target)), queries: asked.map(xs),
  };
}

// Sizes that the weights have to take; refused in words where they do not.
function sizeFor(d, n) {
  const parameters = { ...app.parameters };
  const set = (axis, value, what) => {
    const offered = sizesOnOffer(axis);
    if (!offered) return;
    if (!offered.includes(value)) throw new Error(`it has ${what}, and the weights of this page take ${offered.length > 2 ? `${offered[0]} to ${offered[offered.length - 1]}` : offered.join(" or ")}`);
    parameters[axis] = value;
  };
  set("d", d, word(d, "column") + " beside the target");
  set("examples", n, word(n, "example"));
  const variant = variantOf(DATA.sides[app.side].family, DATA.pools, parameters);
  if (!variant || variant.prompt.d !== d) throw new Error(`it has ${word(d, "column")} beside the target, and the weights of this page take ${variant ? variant.prompt.d : "another size"}`);
  if (variant.examples !== null && variant.examples !== n) throw new Error(`it has ${word(n, "example")}, and these weights take ${variant.examples}`);
  return parameters;
}

function openTable(file, text) {
  if (!app.analysis.regression) throw new Error("prompts of this page are no rows of x and y; a state that was saved here can be opened");
  const table = tableOf(text), target = table.names[table.names.length - 1];
  useTable({ file, ...table, all: table.names }, target, table.names.filter((name) => name !== target));
}

function useTable(table, target, features) {
  const prompt = promptFrom({ names: table.all, rows: table.rows }, target, features);
  app.parameters = sizeFor(features.length, prompt.X.length);
  app.typed = new Map([...app.typed].filter(([key]) => !/^(X|y|queries)\./.test(key)));
  app.refused.clear();
  adoptTable(prompt, chosen(), (reason) => { throw new Error(reason); });
  app.notices = [];
  checkEdits();
  suitNewPrompt();
  app.table = { ...table, target, names: features, asked: prompt.asked, open: prompt.open, left: prompt.left };
  change();
}

// Edited weights that there are no longer at this size are dropped, and that is said.
function checkEdits() {
  DATA.sides.forEach(({ family }, side) => {
    const made = assemble(family, DATA.pools, { ...family.fixed, ...app.parameters }, {}), blocks = made && blocksOf(made);
    for (const path of Object.keys(app.edits[side])) {
      if (!blocks || !blocks.has(path)) { delete app.edits[side][path]; say("A changed weight is not there at this size."); }
    }
  });
}

// Over the prompt, where it is from, and which columns are which.
function tableNote() {
  const { table } = app;
  if (!table) return "";
  const target = `<label>to predict <select data-do="target" data-focus="target">${table.all.map((name) =>
    `<option ${name === table.target ? "selected" : ""}>${escapeText(name)}</option>`).join("")}</select></label>`;
  const from = table.all.filter((name) => name !== table.target).map((name) => `<label><input type="checkbox" data-feature="${escapeText(name)}" data-focus="feature${escapeText(name)}"
    ${table.names.includes(name) ? "checked" : ""}> ${escapeText(name)}</label>`).join("");
  const left = table.left ? ` A page shows ${MOST_EXAMPLES} examples: ${word(table.left, "row")} of the file ${table.left === 1 ? "is" : "are"} left out; <code>witness run</code> takes all.` : "";
  return `<div class="table-note"><p><b>${escapeText(table.file)}</b>: ${table.open ? `${word(table.asked.length, "row")} without a target, ${table.asked.map((j) => j + 1).join(", ")},` : `row ${table.asked[0] + 1}, the last,`} ${
    table.asked.length === 1 ? "is" : "are"} asked about; ${word(app.data.X.length, "other row")} ${app.data.X.length === 1 ? "is" : "are"} the examples.${left}</p>
    <div class="choices">${target}<span>from</span>${from}</div></div>`;
}

function chooseColumns(target, features) {
  const { table } = app;
  try {
    if (!features.length) throw new Error("one column at least has to stay");
    useTable(table, target, table.all.filter((name) => name !== target && features.includes(name)));
  } catch (error) {
    app.notices = [];
    say(`${table.file}: ${error.message.replace(/\.$/, "")}.`);
    render();
  }
}

// -- dropping -------------------------------------------------------------------------------------

const carriesFile = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
let over = 0; // dragenter and dragleave come for every element on the way
const overPage = (now) => { over = Math.max(0, now); document.body.classList.toggle("dropping", over > 0); };
document.addEventListener("dragenter", (event) => { if (carriesFile(event)) overPage(over + 1); });
document.addEventListener("dragleave", (event) => { if (carriesFile(event)) overPage(over - 1); });
document.addEventListener("dragover", (event) => { if (carriesFile(event)) event.preventDefault(); });
document.addEventListener("drop", (event) => {
  if (!carriesFile(event)) return;
  event.preventDefault();
  overPage(0);
  const [file] = event.dataTransfer.files;
  if (file) openFile(file).then(() => byId("table").scrollIntoView({ block: "center" }));
});
