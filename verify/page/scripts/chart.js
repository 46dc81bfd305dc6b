// Error against layer, beside the theory's curve.

const FLOOR = 1e-17;

function renderError() {
  const model = app.models[app.side], panel = byId("error");
  panel.hidden = !DATA.lesson.predicts;
  if (!model || panel.hidden) return;
  const { result, witness } = model, x = app.data.queries[0];
  const own = DATA.lesson.goal === "answer" && answersOf(model.reference, app.data, app.given);
  panel.hidden = DATA.lesson.goal === "answer" && !own;
  if (panel.hidden) return;
  const goal = own ? own[0].v[0] : dot(x, app.analysis.target), layers = witness.layers.length;
  const steps = Array.from({ length: layers + 1 }, (_, k) => k);
  const errors = kept(`errors ${app.side}`, () => steps.map((k) => Math.abs(lens(result, k, DATA.lesson.lens)[0] - goal)));
  const bounds = steps.map((k) => theory(DATA.lesson, app.analysis, witness.course, k, x));
  const finite = errors.concat(bounds.filter((b) => b !== null)).filter((v) => Number.isFinite(v) && v > FLOOR);
  const high = Math.ceil(Math.log10(Math.max(...finite, 1e-3)) + 0.05);
  const low = Math.min(high - 2, Math.max(-17, Math.floor(Math.log10(Math.min(...finite, 1)))));
  const W = 320, H = 180, left = 44, bottom = 26;
  const px = (k) => left + ((W - left - 10) * k) / Math.max(1, layers);
  const py = (v) => {
    const at = Math.log10(Math.max(Math.abs(v), 10 ** low));
    return 8 + ((H - bottom - 8) * (high - Math.min(at, high))) / (high - low);
  };
  const step = Math.ceil((high - low) / 5);
  let grid = "";
  for (let e = high; e >= low; e -= step) {
    grid += `<line class="grid" x1="${left}" x2="${W - 10}" y1="${py(10 ** e)}" y2="${py(10 ** e)}"/>
      <text x="${left - 6}" y="${py(10 ** e) + 4}" text-anchor="end">10<tspan dy="-4" font-size="8">${String(e).replace("-", "−")}</tspan></text>`;
  }
  const every = Math.ceil((layers + 1) / 10);
  const ticks = errors.map((_, k) => (k % every ? "" : `<text x="${px(k)}" y="${H - 8}" text-anchor="middle">${k}</text>`)).join("");
  const line = (values) => values.map((v, k) => `${k ? "L" : "M"}${px(k).toFixed(1)} ${py(Number.isFinite(v) ? v : 10 ** high).toFixed(1)}`).join("");
  const theoryLine = bounds[0] === null ? "" : `<path class="theory" d="${line(bounds)}"/>`;
  const dots = errors.map((v, k) => (Number.isNaN(v) ? "" : `<circle class="dot ${k === app.layer ? "now" : ""}" cx="${px(k)}" cy="${py(v)}" r="${
    k === app.layer ? 6 : 3.5}" data-layer="${k}"><title>layer ${k}: ${show(v)}</title></circle>`)).join("");
  const after = own ? "the algorithm’s answer" : DATA.lesson.shift ? "the ridge solution" : "least squares";
  fill(panel, `<h3>Error against layer</h3><svg viewBox="0 0 ${W} ${H}" role="img" aria-label="error of the prediction after each layer">
    ${grid}${ticks}${theoryLine}<path class="measured" d="${line(errors)}"/>${dots}</svg>
    <p class="key-list"><span class="line measured"></span> distance from ${after}, read after each layer: now ${
    show(errors[Math.min(app.layer, layers)])}${bounds[0] === null ? "" : '<br><span class="line theory"></span> the theory’s bound'}</p>`);
}
