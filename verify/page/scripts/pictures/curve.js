// A curve that is a sum of bumps: kernels at the examples, or splines at their knots, each times what
// it is worth; the sum is the prediction.

// Inputs to sweep over: x itself where it is one number; the angle where all x are equally long;
// else one coordinate, the others being those of the query.
function sweep() {
  if (grasped?.across) return grasped.across; // as long as a point of it is held
  const { X, queries } = app.data, all = X.concat(queries), count = 90;
  const made = (from, to, place, along, name) => {
    const xs = Array.from({ length: count + 1 }, (_, i) => from + ((to - from) * i) / count);
    return { range: [from, to], xs, queries: xs.map(place), at: along.at, along, name };
  };
  if (DATA.lesson.unit) return made(0, 1, (x) => [x], alongCoordinate(0, "x", [0, 1]), "x");
  const lengths = all.map(norm), angle = (x) => (Math.atan2(x[1], x[0]) * 180) / Math.PI;
  if (app.d === 2 && lengths.every((r) => Math.abs(r - lengths[0]) < 1e-9)) {
    const angles = all.map(angle), room = 12, turn = (v) => (v * Math.PI) / 180;
    return made(Math.min(...angles) - room, Math.max(...angles) + room, (v) => [lengths[0] * Math.cos(turn(v)), lengths[0] * Math.sin(turn(v))], alongAngle(angle, "angle"), "angle of x in degrees");
  }
  const c = app.coordinate, xs = all.map((x) => x[c]), room = Math.max(0.15 * (Math.max(...xs) - Math.min(...xs)), 0.3);
  return made(Math.min(...xs) - room, Math.max(...xs) + room, (v) => queries[0].map((w, i) => (i === c ? v : w)), alongCoordinate(c, app.d > 1 ? `x${below(c + 1)}` : "x"), app.d > 1 ? `${indexed("x", c + 1)}<tspan dy='-3'>, the rest as in the query</tspan>` : "x");
}

const swept = (model) => kept(`picture sweep ${app.side} ${app.coordinate}`, () => {
  const across = sweep();
  return { ...across, runs: runsAt(model, across.queries) };
});
const curveAfter = (model, k) => kept(`picture curve ${app.side} ${app.coordinate} ${k}`, () => swept(model).runs.flatMap((made) => lens(made, k, DATA.lesson.lens)));

// Bumps, their sum, the sum before, and the examples with their misses.
function curvePlane(part, size, model, k, bumps, before, beforeKind) {
  const { X, y, queries } = app.data, across = swept(model), { xs, range, at, along, name } = across, now = curveAfter(model, k);
  const bound = 3 * largestOf(y, 0.5), seen = y.concat(now, before ?? [], bumps.flat()).filter((v) => Number.isFinite(v) && Math.abs(v) < bound).concat(0);
  const spread = Math.max(Math.max(...seen) - Math.min(...seen), 0.5);
  const frame = steady(part, () => plotFrame({ ...size, left: 38, bottom: 28, top: 16, x: range, y: [Math.min(...seen) - 0.12 * spread, Math.max(...seen) + 0.12 * spread] }));
  planes.set(part, { frame, across, ...along });
  const line = (values, kind) => linePath(frame, xs.map((x, i) => [x, values[i]]), kind);
  const hills = bumps.map((values, j) => {
    const path = xs.map((x, i) => `${i ? "L" : "M"}${frame.px(x).toFixed(1)} ${frame.py(values[i]).toFixed(1)}`).join("");
    return allFinite(values) ? `<path class="bump tone${j % 2}" d="${path}L${frame.px(xs[xs.length - 1]).toFixed(1)} ${frame.py(0).toFixed(1)}L${frame.px(xs[0]).toFixed(1)} ${frame.py(0).toFixed(1)}Z"/>` : "";
  }).join("");
  const q = at(queries[0]), answer = lens(model.result, k, DATA.lesson.lens)[0];
  const points = X.map((x, j) => svgDot(frame.px(at(x)), frame.py(y[j]), 6.5, "example-dot read")).join("");
  const asked = svgLine(frame.px(q), frame.top, frame.px(q), size.H - frame.bottom, "asked-line") + (Number.isFinite(answer) ? svgDot(frame.px(q), frame.py(answer), 5, "query-dot", `data-prediction="${answer}"`) : "")
    + svgText(frame.px(q) + 5, frame.top + 10, "query", { kind: "query-ink" });
  return `${axes(frame, { xName: name, yName: "y", count: 6 })}${inFrame(part, frame, hills + asked + (before ? line(before, `fit ${beforeKind}`) : "") + line(now, "fit now") + points)}${gripsIn(part, at, answer)}`;
}

// -- kernels -----------------------------------------------------------------------------------------

// What every example adds to the curve in layer k: its weight at every input times its value.
function bumpsOf(model, k) {
  return kept(`picture bumps ${app.side} ${app.coordinate} ${k}`, () => {
    const { runs } = swept(model), { readout } = model.witness, [name] = splitEntry(readout.slot);
    return app.data.X.map((_, j) => runs.flatMap((made) => made.tokens.queries.map((t) => made.steps[k].heads.reduce((total, head) => {
      const at = head.seen.indexOf(made.tokens.x[j]);
      return head.values[name] && at >= 0 ? total + head.weights.get(t, at) * head.values[name].get(made.tokens.x[j], 0) * readout.value : total;
    }, 0))));
  });
}

function kernelCurve(model, k, size) {
  const layer = Math.max(1, k), bumps = bumpsOf(model, layer);
  return [k === 0 ? "The bumps that layer 1 is going to add" : `Layer ${k}: a bump at every example`,
    curvePlane(0, size, model, k, bumps, k > 0 ? curveAfter(model, k - 1) : null, "last-fit"), `the curve after layer ${k} passes ${show(lens(model.result, k, DATA.lesson.lens)[0])} at the query`];
}

PICTURES.kernel = { parts: [1.6, 1], draw: (model, k, sizes) => [kernelCurve(model, k, sizes[0]), stepBars(model, k, sizes[1])] };

// -- a basis -----------------------------------------------------------------------------------------

// The features that the first layer makes at every input of the sweep, one curve each.
function basisOf(model) {
  return kept(`picture basis ${app.side}`, () => {
    const { slot } = DATA.picture.options, values = slotAt(swept(model).runs, slot, 1);
    return values[0].map((_, i) => values.map((row_) => row_[i]));
  });
}

// How much of each feature is in the curve after layer k: it is their sum, so least squares leave nothing.
function sharesOf(model, k) {
  const B = fromRows(basisOf(model)), f = fromRows(curveAfter(model, k).map((v) => [v]));
  return allFinite(curveAfter(model, k)) ? solve(eigen(product(B, transpose(B))), 0, Array.from(product(B, f).v)) : basisOf(model).map(() => NaN);
}

function splineCurve(model, k, size) {
  const shares = sharesOf(model, k), basis = basisOf(model);
  const bumps = basis.map((values, i) => values.map((v) => (k < 1 ? 0 : k === 1 ? v : v * shares[i])));
  const title = k === 0 ? "The examples; no spline is made yet" : k === 1 ? "The splines, each 1 at its top" : "Splines times their weights, and their sum";
  return [title, curvePlane(0, size, model, k, bumps, curveAfter(model, model.witness.layers.length), "goal-fit"), `after layer ${k} the splines weigh ${vectorText(shares)}`];
}

function splineShares(model, k, size) {
  const all = everyLayer(model).map((layer) => sharesOf(model, layer)), seen = all.flat().filter(Number.isFinite).concat(0), spread = Math.max(Math.max(...seen) - Math.min(...seen), 0.5);
  const m = all[0].length, frame = plotFrame({ ...size, left: 38, bottom: 28, top: 16, x: [0.4, m + 0.6], y: [Math.min(...seen) - 0.1 * spread, Math.max(...seen) + 0.14 * spread] });
  const wide = Math.min(46, (0.6 * (size.W - 50)) / m);
  const bars = all[k].map((share, i) => (Number.isFinite(share) ? uprightBar(frame, i + 1, 0, share, wide.toFixed(1), `bump tone${i % 2}`, `data-share="${share}"`)
    + svgText(frame.px(i + 1), frame.py(share) + (share < 0 ? 14 : -5), show(share), { anchor: "middle" }) : "")).join("");
  return ["The weight of every spline", `${axes(frame, { xName: "spline", xTicks: all[0].map((_, i) => i + 1) })}${bars}`, `weights ${vectorText(all[k])}`];
}

PICTURES.basis = { parts: [1.6, 1], draw: (model, k, sizes) => [splineCurve(model, k, sizes[0]), splineShares(model, k, sizes[1])] };
