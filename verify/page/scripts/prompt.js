// The prompt as points that can be dragged.

const PLOT = { W: 320, H: 220, pad: 14 };

// Inputs along the chosen coordinate; the others are the query's.
const slice = (xs) => xs.map((x) => app.data.queries[0].map((v, i) => (i === app.coordinate ? x : v)));

// Predictions along the chosen coordinate, read after layer k.
function along(model, xs, k) {
  const runs = kept(`runs ${app.side} ${app.coordinate}`, () => {
    const queries = slice(xs);
    const alone = model.witness.layers.every((layer) => layer.heads.every((head) => head.keys === "context"));
    return (alone ? [queries] : queries.map((query) => [query]))
      .map((some) => run(model.witness, { ...app.data, queries: some }));
  });
  return runs.flatMap((made) => lens(made, k, DATA.lesson.lens));
}

// The algorithm's own answer at the end.
function ownAnswer(model, xs) {
  const made = model.reference && kept(`answers ${app.side} ${app.coordinate}`, () =>
    answersOf(model.reference, { ...app.data, queries: slice(xs) }, app.given));
  return made && made.map((m) => m.v[0]);
}

function plotRange() {
  if (app.range) return app.range; // fixed while a point is dragged
  const c = app.coordinate, x = Math.max(...app.data.X.map((row_) => Math.abs(row_[c])), ...app.data.queries.map((q) => Math.abs(q[c])), 0.5);
  const y = Math.max(...app.data.y.map(Math.abs), ...slice([-x, x]).map((q) => Math.abs(dot(q, app.analysis.leastSquares))), 0.5);
  return { x: x * 1.2, y: y * 1.25 };
}

function renderPlot() {
  const panel = byId("plot"), model = app.models[app.side], { W, H, pad } = PLOT;
  panel.hidden = !DATA.lesson.predicts;
  if (!model || panel.hidden) return;
  const range = plotRange(), c = app.coordinate, d = app.d;
  const px = (x) => pad + ((W - 2 * pad) * (x + range.x)) / (2 * range.x);
  const py = (y) => pad + ((H - 2 * pad) * (range.y - y)) / (2 * range.y);
  const count = DATA.lesson.goal === "answer" ? 24 : 4; // a curve where the predictor may be one
  const start = DATA.lesson.unit ? 0 : -range.x, end = DATA.lesson.unit ? 1 : range.x;
  const xs = Array.from({ length: count + 1 }, (_, i) => start + ((end - start) * i) / count);
  const path = (ys, kind) => ys && ys.every(Number.isFinite)
    ? `<path class="${kind}" d="${xs.map((x, i) => `${i ? "L" : "M"}${px(x).toFixed(1)} ${Math.max(-1e4, Math.min(1e4, py(ys[i]))).toFixed(1)}`).join("")}"/>` : "";
  const lines = path(slice(xs).map((x) => dot(x, app.analysis.leastSquares)), "least-squares") + path(ownAnswer(model, xs), "own")
    + path(along(model, xs, Math.min(app.layer, model.witness.layers.length)), "current");
  const points = app.data.X.map((x, j) => `<circle class="point" cx="${px(x[c])}" cy="${py(app.data.y[j])}" r="7" tabindex="0" role="slider"
    aria-label="example ${j + 1}" aria-valuetext="x ${show(x[c])}, y ${show(app.data.y[j])}" aria-valuenow="${app.data.y[j]}" data-point="${j}" data-focus="point${j}"/>`).join("");
  const asked = app.data.queries.map((q) => `<line class="asked" x1="${px(q[c])}" x2="${px(q[c])}" y1="${pad}" y2="${H - pad}"/>`).join("");
  const choose = d === 1 ? "" : `<label>coordinate <select data-do="coordinate" data-focus="coordinate">${
    Array.from({ length: d }, (_, i) => `<option value="${i}" ${i === c ? "selected" : ""}>x[${i + 1}]</option>`).join("")}</select></label>`;
  fill(panel, `<div class="heading"><h3>The examples</h3>${choose}</div>
    <svg id="points" viewBox="0 0 ${W} ${H}" role="group" aria-label="examples and predictor">
    <line class="axis" x1="${pad}" x2="${W - pad}" y1="${py(0)}" y2="${py(0)}"/><line class="axis" x1="${px(0)}" x2="${px(0)}" y1="${pad}" y2="${H - pad}"/>
    <clipPath id="inside"><rect x="0" y="0" width="${W}" height="${H}"/></clipPath><g clip-path="url(#inside)">${asked}${lines}</g>${points}</svg>
    <p class="key-list"><span class="line current"></span> after layer ${app.layer} <span class="line own"></span> the algorithm at the end
    <span class="line least-squares"></span> least squares${d > 1 ? "<br>drawn where the other coordinates are the query’s" : ""}</p>`);
}
