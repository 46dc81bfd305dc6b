// The prompt as a table, every number of which can be typed.

// What the numbers of a row of these parts are called.
const numbersNamed = (parts) => parts.flatMap(([name, shape]) =>
  Array.from({ length: sizeOf(shape) }, (_, i) => counted(name) + (sizeOf(shape) === 1 ? "" : `[${i + 1}]`)));
const targetNames = ({ targets }) => numbersNamed([["y", [targets]]]);

// What is predicted at a token, as text; "" where nothing is.
function predictedText(model, t) {
  const { witness, tokens, predictions } = model.result, at = readTokens(witness, tokens), size = predictions.length / at.length;
  const first = at.indexOf(t) * size;
  return first < 0 ? "" : predictions.slice(first, first + size).map((v) => show(v, 6)).join(", ");
}

// A regression's prediction stands where the y of its query would; that of other prompts in a column
// of its own.
function renderTable() {
  const { X, y, queries } = app.data, model = app.models[app.side], { prompt } = chosen(), alone = !app.analysis.regression;
  const called = (x) => (DATA.lesson.letters ? `: ${saidIn(x)}` : "");
  const inputs = numbersNamed(prompt.parts), ofQuery = numbersNamed(queryPartsOf(prompt)), targets = targetNames(prompt);
  const cell = (value, path, label) => `<td>${field(path, value, `data-entry="${path}"`, label)}</td>`;
  const predicted = (which, j) => `<td><output>${model ? predictedText(model, model.result.tokens[which][j]) : ""}</output></td>`;
  const line = (head, kind, cells, keys) => `<tr class="${kind}"><th scope="row">${head}</th>${cells.join("")}</tr>${refusedRow(keys, inputs, ofQuery, targets)}`;
  const examples = X.map((x, j) => {
    const given = [...x.map((v, i) => [v, `X.${j}.${i}`, inputs[i]]), ...targetsIn(y[j]).map((v, i) => [v, targetKey(j, i), targets[i]])];
    const cells = given.map(([v, key, name]) => cell(v, key, `${name} of example ${j + 1}`));
    return line(`example ${j + 1}${called(x)}`, "", alone ? [...cells, predicted("x", j)] : cells, given.map(([, key]) => key));
  });
  const asked = queries.map((q, j) => {
    const keys = q.map((_, i) => `queries.${j}.${i}`), empty = alone ? targets.map(() => "<td></td>") : [];
    const cells = inputs.map((name) => ofQuery.indexOf(name)).map((i) => (i < 0 ? "<td></td>" : cell(q[i], keys[i], `${ofQuery[i]} of query ${j + 1}`)));
    return line(`${queries.length > 1 ? `query ${j + 1}` : "query"}${called(q)}`, "query", [...cells, ...empty, predicted("queries", j)], keys);
  });
  const names = app.table ? [...app.table.names, app.table.target] : [...inputs, ...targets, ...(alone ? ["predicted"] : [])];
  const heads = names.map((name) => `<th scope="col">${escapeText(name)}</th>`).join("");
  fill(byId("table"), `<h3>The prompt</h3>${tableNote()}<div class="scroll"><table class="numbers"><thead><tr><td></td>${heads}</tr></thead>
    <tbody>${examples.join("")}${asked.join("")}</tbody></table></div>
    <p class="buttons"><button type="button" data-do="example" data-focus="example">the first example</button>
    <label class="button">open a ${app.analysis.regression ? "table or a " : ""}state <input type="file" accept=".csv,.tsv,.txt,.json,text/csv,application/json" data-do="open" data-focus="open"></label>
    <button type="button" data-do="save" data-focus="save">save as JSON</button></p>
    ${app.analysis.regression ? '<p class="help">A CSV file can be dropped anywhere on the page: it runs through these weights here, and nothing leaves this machine.</p>' : ""}`);
}

// Under a row, why some of its fields are refused.
function refusedRow(keys, inputs, ofQuery, targets) {
  const refused = keys.filter((key) => app.refused.has(key));
  if (!refused.length) return "";
  const names = { X: inputs, queries: ofQuery, y: targets }, name = (key) => names[key.split(".")[0]][Number(key.split(".")[2] ?? 0)];
  return `<tr class="refusals"><td></td><td colspan="${inputs.length + targets.length}">${refused.map((key) => why(key, `${escapeText(name(key))}: `)).join("")}</td></tr>`;
}
