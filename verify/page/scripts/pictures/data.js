// The examples as points, what the predictor says of each, and one example at a time: which is
// read, and how the weights that are still likely shrink with it.

// Whether all inputs differ in one coordinate alone, so that a predictor is a line over it.
function onOneLine() {
  const [q] = app.data.queries, c = app.coordinate;
  return app.data.X.every((x) => x.every((v, i) => i === c || Math.abs(v - q[i]) < 1e-9));
}

// Points and, of each predictor, a line where it is one, else a mark at every input. `state(j)` says
// how example j is drawn; `band`, if any, is how uncertain the first predictor is at an input.
function dataPlane(part, size, predictors, state, { band = null, answer = predictors[0].w } = {}) {
  const { X, y, queries } = app.data, c = app.coordinate, [q] = queries, flat = onOneLine();
  const xs = X.map((x) => x[c]).concat(q[c]), [low, high] = [Math.min(...xs), Math.max(...xs)], room = Math.max(0.25 * (high - low), 0.4);
  const x = [low - room, high + room];
  const along_ = Array.from({ length: 33 }, (_, i) => x[0] + ((x[1] - x[0]) * i) / 32).map((v) => q.map((w, i) => (i === c ? v : w)));
  const shown = y.concat(predictors.slice(0, 2).flatMap(({ w }) => X.concat([q]).map((p) => dot(p, w))))
    .filter((v) => Number.isFinite(v) && Math.abs(v) < 4 * largestOf(y, 0.5)).concat(0);
  const spread = Math.max(Math.max(...shown) - Math.min(...shown), 0.5);
  const frame = steady(part, () => plotFrame({ ...size, left: 38, bottom: 28, top: 16, x, y: [Math.min(...shown) - 0.18 * spread, Math.max(...shown) + 0.18 * spread] }));
  planes.set(part, { frame, ...alongCoordinate(c, app.d > 1 ? `x${below(c + 1)}` : "x") });
  const [px, py] = [frame.px, (v) => Math.max(-1e4, Math.min(1e4, frame.py(v)))];
  let shade = "";
  if (band && flat) {
    const edge = (sign) => along_.map((p) => [p[c], dot(p, predictors[0].w) + sign * band(p)]);
    const path = edge(1).concat(edge(-1).reverse());
    if (allFinite(path.flat())) shade = `<path class="band" d="${path.map(([a, b], i) => `${i ? "L" : "M"}${px(a).toFixed(1)} ${py(b).toFixed(1)}`).join("")}Z"/>`;
  }
  const lines = predictors.map(({ w, kind }) => (!allFinite(w) ? "" : flat ? linePath(frame, along_.map((p) => [p[c], dot(p, w)]), `fit ${kind}`)
    : X.concat([q]).map((p) => svgLine(px(p[c]) - 7, py(dot(p, w)), px(p[c]) + 7, py(dot(p, w)), `fit ${kind}`)).join(""))).join("");
  const points = X.map((p, j) => {
    const kind = state(j), said = predictors[0] && dot(p, predictors[0].w);
    const bars = (kind.includes("held") ? predictors.slice(0, 2) : predictors.slice(0, 1)).map(({ w, kind: of }, i) => (kind.includes("later") || !Number.isFinite(dot(p, w)) ? ""
      : svgLine(px(p[c]) + (kind.includes("held") ? 8 * i - 4 : 0), py(y[j]), px(p[c]) + (kind.includes("held") ? 8 * i - 4 : 0), py(dot(p, w)), `miss ${of}`))).join("");
    const mark = kind === "held" ? `<rect class="example-dot held" x="${(px(p[c]) - 6).toFixed(1)}" y="${(py(y[j]) - 6).toFixed(1)}" width="12" height="12"/>`
      : svgDot(px(p[c]), py(y[j]), 6.5, `example-dot ${kind}`);
    return `${Number.isFinite(said) ? bars : ""}${mark}`;
  }).join("");
  const at = answer ? dot(q, answer) : NaN;
  const asked = svgLine(px(q[c]), frame.top, px(q[c]), size.H - frame.bottom, "asked-line") + (Number.isFinite(at) ? svgDot(px(q[c]), py(at), 5, "query-dot", `data-prediction="${at}"`) : "")
    + svgText(px(q[c]) + 5, frame.top + 10, "query", { kind: "query-ink" });
  return `${axes(frame, { xName: app.d > 1 ? indexed("x", c + 1) : "x", yName: "y" })}${inFrame(part, frame, shade + asked + lines + points)}${gripsIn(part, (x) => x[c], at)}`;
}

// What examples and the query of a plane are taken hold of by; `answer`: where the query stands.
function gripsIn(part, at, answer) {
  const { frame } = planes.get(part), { X, y, queries } = app.data, [low, high] = frame.yRange;
  const height = Number.isFinite(answer) ? Math.max(low, Math.min(high, answer)) : high;
  return grip(part, "query", frame.px(at(queries[0])), frame.py(height)) + X.map((x, j) => grip(part, j, frame.px(at(x)), frame.py(y[j]))).join("");
}

// -- one example at a time ----------------------------------------------------------------------

// Examples that are read by the step of which layer k is a part, and those read by earlier ones: as
// many steps as it takes for all examples, in order.
function examplesOfLayer(model, k) {
  const { course } = model.witness, n = app.data.X.length, each_ = Math.ceil(n / Math.max(1, course.k));
  const step = Math.ceil((k - course.start) / Math.max(1, course.step)), done = k - course.start - (step - 1) * course.step === course.step;
  if (k <= course.start) return { now: [], before: 0 };
  if (step > course.k) return { now: [], before: n };
  const from = (step - 1) * each_, to = Math.min(n, step * each_);
  return { now: Array.from({ length: to - from }, (_, i) => from + i), before: from, done };
}

// The inverse matrix that the stream carries after layer k: stored whole at the first token, or as
// what it makes of every token's x.
function carriedInverse(model, k) {
  const name = DATA.picture.options.inverse.find((slot) => model.witness.layout.has(slot));
  if (model.witness.layout.shape(name).length === 2) {
    const { v } = model.result.steps[k].after[name];
    return unitVectors(app.d).map((row_, i) => row_.map((_, j) => v[i * app.d + j]));
  }
  const columns_ = slotAt(runsAtUnits(model), name, k);
  return unitVectors(app.d).map((row_, i) => row_.map((_, j) => columns_[j][i]));
}

// Root of a symmetric matrix times `factor`, as rows; null where that has no root.
function rootOf(P, factor) {
  if (!allFinite(P.flat())) return null;
  const parts = eigen(fromRows(P, P.length)), roots = parts.values.map((s) => Math.sqrt(Math.max(0, s * factor)));
  if (parts.values.some((s) => s * factor < -1e-12)) return null;
  const axes_ = roots.map((_, m) => eigenvector(parts, m));
  return P.map((_, i) => P.map((__, j) => roots.reduce((total, root, m) => total + axes_[m][i] * root * axes_[m][j], 0)));
}

const noiseOf = () => evaluate(DATA.picture.amount, app.analysis.scope).v[0];

function exampleFit(model, k, size) {
  const w = weightsAfter(model, k), { now, before, done } = examplesOfLayer(model, k), P = carriedInverse(model, k), noise = noiseOf();
  const band = (x) => Math.sqrt(Math.max(0, noise * x.reduce((total, v, i) => total + v * dot(P[i], x), 0)));
  const goal = { w: app.analysis.target, kind: "goal-fit" };
  const state = (j) => (now.includes(j) ? "reading" : j < before ? "read" : "later");
  const doing = now.length ? `${done ? "After" : "Reading"} ${now.length > 1 ? "examples" : "example"} ${now.map((j) => j + 1).join(" and ")}` : k === 0 ? "Before any example" : "All examples are read";
  return [`${doing}; dashed: the fit to all`, dataPlane(0, size, [{ w, kind: "now" }, goal], state, { band }),
    `${doing}: w is ${vectorText(w)}`];
}

function likelyWeights(model, k, size) {
  if (app.d !== 2) return uncertainty(model, k, size);
  const noise = noiseOf(), { now, before } = examplesOfLayer(model, k);
  const all = everyLayer(model).map((layer) => ({ w: weightsAfter(model, layer), root: rootOf(carriedInverse(model, layer), noise) }));
  const corners = all.filter(({ w, root }) => root && allFinite(w)).flatMap(({ w, root }) => [-1, 1].flatMap((sign) => [0, 1].map((i) =>
    w.map((v, r) => v + sign * norm(root[r]) * (r === i ? 1 : 0)))));
  const frame = squareFrame(corners.concat([app.analysis.target], [[0, 0]]), size, 1.12);
  const lines = app.data.X.map((x, j) => {
    const ends = j < before || now.includes(j) ? acrossFrame(frame, x, app.data.y[j]) : null;
    return ends ? svgLine(frame.px(ends[0][0]), frame.py(ends[0][1]), frame.px(ends[1][0]), frame.py(ends[1][1]), `fits ${now.includes(j) ? "reading" : "read"}`) : "";
  }).join("");
  const shapes = all.slice(0, k + 1).map(({ w, root }, layer) => (root ? ellipse(frame, w, root, layer === k ? "likely now" : "likely before") : "")).join("");
  const dots = all.slice(0, k + 1).map(({ w }, layer) => svgDot(frame.px(w[0]), frame.py(w[1]), layer === k ? 6 : 3.5, `dot ${layer === k ? "now" : ""}`, `data-layer="${layer}" data-w="${w.join(" ")}"`)).join("");
  return ["The weights that are still likely", `${axes(frame, { xName: indexed("w", 1), yName: indexed("w", 2) })}${inFrame(1, frame, lines + shapes + dots)}`,
    `w is ${vectorText(all[k].w)} after layer ${k}`];
}

// In more or fewer dimensions than two: the half axes of that ellipse after every layer.
function uncertainty(model, k, size) {
  const noise = noiseOf(), layers = everyLayer(model);
  const half = layers.map((layer) => eigen(fromRows(carriedInverse(model, layer), app.d)).values.map((s) => Math.sqrt(Math.max(0, s * noise))));
  const frame = plotFrame({ ...size, left: 38, bottom: 28, top: 16, x: [-0.5, layers.length - 0.5], y: [0, largestOf(half.flat(), 0.1) * 1.15] });
  const dots = half.map((some, layer) => some.map((v) => svgDot(frame.px(layer), frame.py(v), layer === k ? 6 : 4, `dot ${layer === k ? "now" : layer > k ? "ahead" : ""}`, `data-layer="${layer}"`)).join("")).join("");
  return ["How unsure w is, in every direction", `${axes(frame, { xName: "layer", yName: "standard deviation" })}${dots}`, `standard deviations ${half[k].map((v) => show(v)).join(", ")}`];
}

PICTURES.examples = { parts: [1.1, 1], draw: (model, k, sizes) => [exampleFit(model, k, sizes[0]), likelyWeights(model, k, sizes[1])] };
