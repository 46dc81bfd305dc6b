// The prompt as a table, every number of which can be typed.

function renderTable() {
  const { X, y, queries } = app.data, d = app.d, model = app.models[app.side];
  const cell = (value, path, label) => `<td>${field(path, value, `data-entry="${path}"`, label)}</td>`;
  const line = (head, kind, cells, keys) => `<tr class="${kind}"><th scope="row">${head}</th>${cells.join("")}</tr>${refusedRow(keys)}`;
  const examples = X.map((x, j) => {
    const keys = [...x.map((_, i) => `X.${j}.${i}`), `y.${j}`];
    const cells = x.map((v, i) => cell(v, keys[i], `x[${i + 1}] of example ${j + 1}`));
    return line(`example ${j + 1}`, "", [...cells, cell(y[j], `y.${j}`, `y of example ${j + 1}`)], keys);
  });
  const asked = queries.map((q, j) => {
    const keys = q.map((_, i) => `queries.${j}.${i}`);
    const cells = q.map((v, i) => cell(v, keys[i], `x[${i + 1}] of query ${j + 1}`));
    const answer = `<td><output>${model ? show(model.result.predictions[j], 6) : ""}</output></td>`;
    return line(queries.length > 1 ? `query ${j + 1}` : "query", "query", [...cells, answer], keys);
  });
  const names = app.table && app.table.names;
  const heads = X[0].map((_, i) => `<th scope="col">${names ? escapeText(names[i]) : `x${d > 1 ? `[${i + 1}]` : ""}`}</th>`).join("");
  fill(byId("table"), `<h3>The prompt</h3>${tableNote()}<div class="scroll"><table class="numbers"><thead><tr><td></td>${heads}<th scope="col">${
    names ? escapeText(app.table.target) : "y"}</th></tr></thead>
    <tbody>${examples.join("")}${asked.join("")}</tbody></table></div>
    <p class="buttons"><button type="button" data-do="example" data-focus="example">the first example</button>
    <label class="button">open a table or a state <input type="file" accept=".csv,.tsv,.txt,.json,text/csv,application/json" data-do="open" data-focus="open"></label>
    <button type="button" data-do="save" data-focus="save">save as JSON</button></p>
    <p class="help">A CSV file can be dropped anywhere on the page: it runs through these weights here, and nothing leaves this machine.</p>`);
}

// Under a row, why some of its fields are refused.
function refusedRow(keys) {
  const refused = keys.filter((key) => app.refused.has(key));
  if (!refused.length) return "";
  const name = (key) => (key.startsWith("y") ? "y: " : app.d > 1 ? `x[${Number(key.split(".")[2]) + 1}]: ` : "x: ");
  return `<tr class="refusals"><td></td><td colspan="${app.d + 1}">${refused.map((key) => why(key, name(key))).join("")}</td></tr>`;
}
