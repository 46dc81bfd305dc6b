// The examples as points that can be dragged, and what is predicted, along a chosen direction.

const PLOT = { W: 320, H: 240, left: 38, right: 12, top: 18, bottom: 32 };

// Least squares is what the page's algorithm is after: it predicts w^T x for some w.
const linear = () => DATA.lesson.goal === "solution";

// What may lie across: x itself, a coordinate, an eigenvector of S (largest first), least squares' w.
function directions() {
  const { d } = app;
  if (d === 1) return [{ key: "x", name: "x", words: "x", u: [1] }];
  return kept("directions", () => {
    const each = Array.from({ length: d }, (_, i) => i);
    const X = fromRows(app.data.X, d), parts = eigen(product(transpose(X), X));
    const order = [...each].sort((a, b) => parts.values[b] - parts.values[a]);
    const made = [
      ...each.map((i) => ({ key: `x${i + 1}`, name: `x[${i + 1}]`, words: `coordinate ${i + 1}`, u: each.map((j) => Number(i === j)) })),
      ...order.map((column, i) => ({ key: `v${i + 1}`, name: `v${below(i + 1)}ᵀx`, words: `eigenvector ${i + 1} of S`, u: each.map((k) => parts.vectors[k * d + column]) })),
    ];
    const w = app.analysis.leastSquares;
    if (linear() && norm(w) > 0) made.push({ key: "w", name: "wᵀx", words: "least squares’ w", u: w });
    return made;
  });
}

// The chosen one; else one along which all examples lie; else the predictor's own.
function direction() {
  if (app.range) return app.range.direction; // fixed while a point is dragged
  const all = directions(), named = (key) => all.find((one) => one.key === key);
  return named(app.direction) ?? all.find(({ u }) => inLine(u)) ?? named("w") ?? named("v1");
}

// Whether the query and all examples lie on one line along u, so that a curve speaks of them all.
function inLine(u) {
  const origin = app.data.queries[0], square = dot(u, u);
  return app.data.X.concat(app.data.queries).every((x) => {
    const away = x.map((v, i) => v - origin[i]), share = dot(away, u) / square;
    return norm(away.map((v, i) => v - share * u[i])) <= 1e-9 * (1 + norm(x));
  });
}

// The input at a place along u, the query's in all other directions.
const inputAt = (place, u) => {
  const origin = app.data.queries[0], by = (place - dot(origin, u)) / dot(u, u);
  return origin.map((v, i) => v + by * u[i]);
};

// What is predicted at inputs, read after layer k. `what` names the inputs.
function predictedAt(model, inputs, what, k) {
  const runs = kept(`runs ${app.side} ${what}`, () => {
    const alone = model.witness.layers.every((layer) => layer.heads.every((head) => head.keys === "context"));
    return (alone ? [inputs] : inputs.map((input) => [input]))
      .map((some) => run(model.witness, { ...app.data, queries: some }));
  });
  return runs.flatMap((made) => lens(made, k, DATA.lesson.lens));
}

// The algorithm's own answers at the end; null where it has no formula.
function ownAnswers(model, inputs, what) {
  const made = model.reference && kept(`answers ${app.side} ${what}`, () =>
    answersOf(model.reference, { ...app.data, queries: inputs }, app.given));
  return made && made.map((m) => m.v[0]);
}

const spread = (values, share) => {
  const low = Math.min(...values), high = Math.max(...values), room = Math.max(share * (high - low), 0.02 * (Math.abs(low) + Math.abs(high)), 0.05);
  return [low - room, high + room];
};

// The part of the plane that is shown: all examples and the query, and 0 for targets.
function plotRange() {
  if (app.range) return app.range;
  const chosen_ = direction(), { X, y, queries } = app.data;
  const places = X.concat(queries).map((x) => dot(x, chosen_.u));
  const x = DATA.lesson.unit ? [0, 1] : spread(places, 0.12);
  const ends = linear() ? x.map((place) => dot(inputAt(place, chosen_.u), app.analysis.leastSquares)) : [];
  const own = linear() ? [] : ownAnswers(app.models[app.side], X, "examples") ?? [];
  const most = 3 * Math.max(...y.map(Math.abs), 0.5); // far answers are marked at the edge
  return { direction: chosen_, x, y: spread([...y, 0, ...ends.concat(own).filter((v) => Math.abs(v) <= most)], 0.1) };
}

const plotOf = (range) => plotFrame({ ...PLOT, x: range.x, y: range.y });

// A mark at (place, value); one beyond the frame is an arrow at its edge.
function mark(frame, place, value, kind, radius, title) {
  if (!Number.isFinite(value)) return "";
  const x = frame.px(place), [low, high] = frame.yRange, say = `<title>${escapeText(title)}</title>`;
  if (value >= low && value <= high) return `<circle class="${kind}" cx="${x.toFixed(1)}" cy="${frame.py(value).toFixed(1)}" r="${radius}">${say}</circle>`;
  const [edge, tip] = value > high ? [frame.top + 8, frame.top] : [frame.H - frame.bottom - 8, frame.H - frame.bottom];
  return `<polygon class="${kind}" points="${x - 5},${edge} ${x + 5},${edge} ${x},${tip}">${say}</polygon>`;
}

// Curves, where all examples lie on the line that they are drawn along.
function curves(model, frame, chosen_, k) {
  const count = linear() ? 4 : 48, [start, end] = frame.xRange;
  const places = Array.from({ length: count + 1 }, (_, i) => start + ((end - start) * i) / count);
  const inputs = places.map((place) => inputAt(place, chosen_.u)), what = `line ${chosen_.key}`;
  const path = (values, kind) => (values ? linePath(frame, places.map((place, i) => [place, values[i]]), kind) : "");
  const own = ownAnswers(model, inputs, what), items = [["line current", `predicted after layer ${k}`]];
  if (own) items.push(["line own", "the algorithm at the end"]);
  if (linear()) items.push(["line least-squares", "least squares"]);
  const drawn = path(linear() && inputs.map((x) => dot(x, app.analysis.leastSquares)), "least-squares")
    + path(own, "own") + path(predictedAt(model, inputs, what, k), "current");
  return { drawn, items, note: app.d > 1 ? "All examples lie along this direction." : "" };
}

// One mark an example elsewhere: a curve would pass by examples whose other coordinates differ.
function marks(model, frame, chosen_, k) {
  const { X, y } = app.data, inputs = X, places = X.map((x) => dot(x, chosen_.u));
  const now = predictedAt(model, inputs, "examples", k), own = linear() ? null : ownAnswers(model, inputs, "examples");
  const bars = !linear() ? "" : places.map((place, j) => (Number.isFinite(now[j])
    ? `<line class="residual" x1="${frame.px(place)}" x2="${frame.px(place)}" y1="${frame.py(y[j])}" y2="${frame.py(now[j])}"/>` : "")).join("");
  const line = linear() && chosen_.key === "w"
    ? linePath(frame, frame.xRange.map((place) => [place, place]), "least-squares") : "";
  const drawn = line + bars
    + (own ? places.map((place, j) => mark(frame, place, own[j], "answer", 5, `the algorithm at example ${j + 1}: ${show(own[j], 4)}`)).join("") : "")
    + places.map((place, j) => mark(frame, place, now[j], "predicted", 3, `predicted at example ${j + 1}: ${show(now[j], 4)}`)).join("");
  const items = [["spot predicted", `predicted for each example after layer ${k}`]];
  if (bars) items.push(["line residual", "its error"]);
  if (own) items.push(["spot answer", "the algorithm at the end"]);
  if (line) items.push(["line least-squares", "least squares: y = wᵀx"]);
  return { drawn, items, note: "" };
}

function renderPlot() {
  const panel = byId("plot"), model = app.models[app.side];
  panel.hidden = !DATA.lesson.predicts || !app.analysis.predictsY;
  if (!model || panel.hidden) return;
  const range = plotRange(), { direction: chosen_ } = range, frame = plotOf(range);
  const k = Math.min(app.layer, model.witness.layers.length), { X, y, queries } = app.data;
  const { drawn, items, note } = (inLine(chosen_.u) ? curves : marks)(model, frame, chosen_, k);
  const answers = lens(model.result, k, DATA.lesson.lens);
  const asked = queries.map((q, j) => {
    const place = dot(q, chosen_.u), x = frame.px(place);
    return `<line class="asked" x1="${x}" x2="${x}" y1="${frame.top}" y2="${frame.H - frame.bottom}"/>${
      mark(frame, place, answers[j], "predicted asked-here", 4.5, `predicted at the query: ${show(answers[j], 4)}`)}`;
  }).join("");
  const points = X.map((x, j) => `<circle class="point" cx="${frame.px(dot(x, chosen_.u)).toFixed(1)}" cy="${frame.py(y[j]).toFixed(1)}" r="${X.length > 12 ? 4.5 : 7}" tabindex="0" role="slider"
    aria-label="example ${j + 1}" aria-valuetext="${chosen_.name} ${show(dot(x, chosen_.u))}, y ${show(y[j])}" aria-valuenow="${y[j]}" data-point="${j}" data-focus="point${j}"/>`).join("");
  fill(panel, `<div class="heading"><h3>The examples</h3>${chooser(chosen_)}</div>
    <svg id="points" viewBox="0 0 ${frame.W} ${frame.H}" role="group" aria-label="examples and what is predicted">
    ${axes(frame, { xName: chosen_.name, yName: "y", count: 7 })}<clipPath id="inside"><rect x="${frame.left}" y="${frame.top}" width="${frame.W - frame.left - frame.right}" height="${frame.H - frame.top - frame.bottom}"/></clipPath>
    <g clip-path="url(#inside)">${asked}${drawn}</g>${points}</svg>
    ${legend([["spot point", "an example"], ...items, ["line asked", "the query"]])}${note ? `<p class="key-list">${note}</p>` : ""}`);
}

// A chosen coordinate is that of other pictures too.
function chooseDirection(key) {
  app.direction = key;
  const found = /^x(\d+)$/.exec(key);
  if (found) app.coordinate = Number(found[1]) - 1;
}

function chooser(chosen_) {
  const all = directions();
  if (all.length === 1) return "";
  return `<label class="switch">across <select data-do="direction" data-focus="direction">${all.map(({ key, words }) =>
    `<option value="${key}" ${key === chosen_.key ? "selected" : ""}>${words}</option>`).join("")}</select></label>`;
}

// -- moving an example --------------------------------------------------------------------------------

const placeOf = (j) => dot(app.data.X[j], direction().u);

// Moves example j to a place along the direction that is shown, its target to y; what it changed.
function moveExample(j, place, y) {
  const { u } = direction(), x = app.data.X[j], by = (place - dot(x, u)) / dot(u, u);
  const moved = u.flatMap((along, i) => (along === 0 ? [] : [i]));
  for (const i of moved) x[i] = hundredths(x[i] + by * u[i]);
  app.data.y[j] = hundredths(y);
  return [...moved.map((i) => `X.${j}.${i}`), `y.${j}`];
}

// The place and the value under the pointer, within the frame of a drawing.
function underPointer(svg, frame, event) {
  const box = svg.getBoundingClientRect(), unit = frame.W / box.width;
  const within = (v, [low, high]) => Math.max(low, Math.min(high, v));
  return [within(frame.x((event.clientX - box.left) * unit), frame.xRange), within(frame.y((event.clientY - box.top) * unit), frame.yRange)];
}
