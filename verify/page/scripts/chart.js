// Error against layer, beside the theory's curve.

const FLOOR = 1e-17;

function renderError() {
  const model = app.models[app.side], panel = byId("error");
  panel.hidden = !DATA.lesson.predicts;
  if (!model || panel.hidden) return;
  const { result, witness } = model, x = app.data.queries[0];
  const own = DATA.lesson.goal === "answer" && answersOf(model.reference, app.data, app.given);
  panel.hidden = !own && (DATA.lesson.goal === "answer" || !app.analysis.predictsY);
  if (panel.hidden) return;
  const goal = own ? own.slice(0, 1).flatMap(({ v }) => [...v]) : [dot(x, app.analysis.target)], layers = witness.layers.length;
  const steps = Array.from({ length: layers + 1 }, (_, k) => k);
  const errors = kept(`errors ${app.side}`, () => steps.map((k) => {
    const predicted = lens(result, k, DATA.lesson.lens);
    return Math.max(...goal.map((v, i) => Math.abs(predicted[i] - v)));
  }));
  const bounds = steps.map((k) => theory(DATA.lesson, app.analysis, witness.course, k, x));
  const after = own ? "the algorithm’s answer" : DATA.lesson.shift ? "the ridge solution" : "least squares";
  const frame = errorFrame(errors.concat(bounds), layers), now = Math.min(app.layer, layers);
  const theoryLine = bounds[0] === null ? "" : linePath(frame, steps.map((k) => [k, bounds[k]]), "theory");
  const every = Math.ceil((layers + 1) / 10);
  fill(panel, `<h3>Error against layer</h3><svg viewBox="0 0 ${frame.W} ${frame.H}" role="img" aria-label="distance of the prediction from ${after} after each layer, now ${show(errors[now])}">
    ${axes(frame, { xName: "layer", yName: "error", xTicks: steps.filter((k) => k % every === 0) })}
    ${theoryLine}${linePath(frame, steps.map((k) => [k, errors[k]]), "measured")}${steps.map((k) => errorDot(frame, k, errors[k], k === now)).join("")}</svg>
    ${legend([["line measured", `distance from ${after}, read after each layer: now ${show(errors[now])}`],
    ...(errors.some((v) => v < frame.yRange[0]) ? [["spot exact", "below what the axis shows"]] : []),
    ...(bounds[0] === null ? [] : [["line theory", "the theory’s bound"]])])}`);
}

// From the largest error down to the smallest that is not 0: two powers of ten at least, 17 at most.
function errorFrame(values, layers) {
  const finite = values.filter((v) => v !== null && Number.isFinite(v) && v > FLOOR);
  const high = Math.ceil(Math.log10(Math.max(...finite, 1e-3)) + 0.05);
  const low = Math.min(high - 2, Math.max(-17, Math.floor(Math.log10(Math.min(...finite, 1)))));
  return plotFrame({ W: 320, H: 200, left: 38, right: 12, top: 18, bottom: 32, x: [0, Math.max(1, layers)], y: [10 ** low, 10 ** high], log: true });
}

// A dot that shows its layer; an error that no axis reaches is hollow, one without a size no dot.
function errorDot(frame, k, error, now) {
  if (Number.isNaN(error)) return "";
  const kinds = `dot${now ? " now" : ""}${error < frame.yRange[0] ? " exact" : ""}`;
  return `<circle class="${kinds}" cx="${frame.px(k).toFixed(1)}" cy="${frame.py(error).toFixed(1)}" r="${now ? 6 : 3.5}" data-layer="${k}"><title>layer ${k}: ${show(error)}</title></circle>`;
}
