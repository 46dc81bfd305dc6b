// Gradient descent seen from above: contours of the loss, the path of w, a dot per layer; and how
// the step of one layer is put together, example by example.

// Sum of log(1 + exp(v)) - y v, v = w . x, without overflow.
const logLoss = (w) => app.data.X.reduce((total, x, j) => {
  const v = dot(x, w);
  return total + Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v))) - app.data.y[j] * v;
}, 0);
const squaredLoss = (shift) => (w) => app.data.X.reduce((total, x, j) => total + (dot(x, w) - app.data.y[j]) ** 2, shift * dot(w, w));

// The plane that is shown: for two weights they themselves, for more the directions of the largest
// and the smallest eigenvalue of S through the solution.
function lossPlane() {
  const { scope, target } = app.analysis, { loss } = DATA.picture.options;
  const f = loss === "logistic" ? logLoss : squaredLoss(DATA.lesson.shift ? evaluate(DATA.lesson.shift, scope).v[0] : 0);
  const least = loss === "logistic" ? null : target;
  if (app.d === 2) return { f: (a, b) => f([a, b]), at: (w) => w, least, names: [indexed("w", 1), indexed("w", 2)] };
  const parts = eigenOfS(), order = parts.values.map((_, i) => i).sort((i, j) => parts.values[j] - parts.values[i]);
  const [u, v] = [eigenvector(parts, order[0]), eigenvector(parts, order[order.length - 1])], base = least ?? new Array(app.d).fill(0);
  const at = (w) => [dot(w, u), dot(w, v)], middle = at(base);
  return { f: (a, b) => f(base.map((m, i) => m + (a - middle[0]) * u[i] + (b - middle[1]) * v[i])), at, least: least && middle,
    names: ["w along the steepest direction", "… and the flattest"] };
}

function lossMap(model, k, size) {
  const { slot } = DATA.picture.options;
  const all = everyLayer(model).map((layer) => weightsAfter(model, layer, slot));
  if (app.d === 1) return lossCurve(all, k, size);
  const plane = kept("picture plane", lossPlane), path = all.map(plane.at);
  const reach = 3 * Math.max(0.5, plane.least ? norm(plane.least) : largestOf(path.flat().filter((v) => Math.abs(v) < 1e3), 0.5));
  const seen = path.filter((p) => allFinite(p) && norm(p) <= reach).concat([[0, 0]], plane.least ? [plane.least] : []);
  const spread = (i) => Math.max(...seen.map((p) => p[i])) - Math.min(...seen.map((p) => p[i]));
  const widest = Math.max(spread(0), spread(1), 0.2), middle = [0, 1].map((i) => (Math.max(...seen.map((p) => p[i])) + Math.min(...seen.map((p) => p[i]))) / 2);
  const room = [-1, 1].map((sign) => middle.map((m) => m + sign * widest * 0.36));
  const frame = squareFrame(seen.concat(room), size, 1.3);
  const ground = kept(`picture ground ${size.W} ${size.H} ${app.side}`, () => lossContours(frame, plane));
  const pen = linePath(frame, path.slice(0, k + 1), "path") + linePath(frame, path.slice(k), "path ahead");
  const dots = path.map((p, layer) => ({ p, layer })).filter(({ p }) => allFinite(p)).reverse()
    .sort((a, b) => Number(a.layer === k) - Number(b.layer === k))
    .map(({ p, layer }) => svgDot(frame.px(p[0]), frame.py(p[1]), layer === k ? 7 : 4.5, `dot ${layer === k ? "now" : layer > k ? "ahead" : ""}`,
      `data-layer="${layer}" data-w="${all[layer].join(" ")}"`)).join("");
  const now = path[k], goal = plane.least && `<g class="goal">${cross(frame, plane.least)}</g>`;
  const gone = allFinite(now) && (now[0] < frame.xRange[0] || now[0] > frame.xRange[1] || now[1] < frame.yRange[0] || now[1] > frame.yRange[1]);
  const note = gone || !allFinite(now) ? svgText(size.W / 2, 26, "w has left the picture: it runs away", { kind: "warning", anchor: "middle" }) : "";
  return ["The loss from above: w after every layer", `${axes(frame, { xName: plane.names[0], yName: plane.names[1] })}${inFrame(0, frame, ground + (goal ?? "") + pen + dots)}${note}`,
    `contours of the loss; after layer ${k} w is ${vectorText(all[k])}${plane.least ? `, the least is at ${vectorText(app.analysis.target)}` : ""}`];
}

const cross = (frame, [a, b]) => {
  const [x, y] = [frame.px(a), frame.py(b)];
  return `${svgLine(x - 6, y - 6, x + 6, y + 6, "cross")}${svgLine(x - 6, y + 6, x + 6, y - 6, "cross")}`;
};

function lossContours(frame, plane) {
  const corners = frame.xRange.flatMap((a) => frame.yRange.map((b) => plane.f(a, b)));
  const lowest = plane.least ? plane.f(...plane.least) : Math.min(...Array.from({ length: 400 }, (_, i) =>
    plane.f(frame.xRange[0] + ((i % 20) / 19) * (frame.xRange[1] - frame.xRange[0]), frame.yRange[0] + (Math.floor(i / 20) / 19) * (frame.yRange[1] - frame.yRange[0]))));
  const levels = Array.from({ length: 9 }, (_, i) => lowest + (Math.max(...corners) - lowest) * ((i + 0.6) / 10) ** 2);
  return contours(frame, plane.f, levels, "contour");
}

// One weight: the loss as a curve.
function lossCurve(all, k, size) {
  const f = squaredLoss(DATA.lesson.shift ? evaluate(DATA.lesson.shift, app.analysis.scope).v[0] : 0);
  const loss = DATA.picture.options.loss === "logistic" ? logLoss : f, path = all.map((w) => [w[0], loss(w)]);
  const seen = path.filter((p) => allFinite(p)).map((p) => p[0]).concat(0, app.analysis.target[0]);
  const half = Math.max(0.5, Math.min(4 * Math.abs(app.analysis.target[0]) + 1, Math.max(...seen) - Math.min(...seen))), low = Math.min(...seen, 0) - 0.3 * half;
  const x = [Math.max(low, -4 * half), Math.min(Math.max(...seen) + 0.3 * half, 4 * half)];
  const curve = Array.from({ length: 81 }, (_, i) => x[0] + ((x[1] - x[0]) * i) / 80).map((w) => [w, loss([w])]);
  const frame = plotFrame({ ...size, left: 42, bottom: 28, top: 16, x, y: [Math.min(...curve.map((p) => p[1])) * 0.9, Math.max(...curve.map((p) => p[1])) * 1.05 || 1] });
  const dots = path.map((p, layer) => (allFinite(p) ? svgDot(frame.px(p[0]), frame.py(p[1]), layer === k ? 7 : 4.5,
    `dot ${layer === k ? "now" : layer > k ? "ahead" : ""}`, `data-layer="${layer}" data-w="${all[layer].join(" ")}"`) : "")).join("");
  return ["The loss, and w after every layer", `${axes(frame, { xName: "w", yName: "loss" })}${inFrame(0, frame, linePath(frame, curve, "contour") + dots)}`,
    `the loss as a curve; after layer ${k} w is ${show(all[k][0])}`];
}

// -- the step --------------------------------------------------------------------------------------

// What layer k adds to what is read at the query: of every example, score and value of each head, a
// linear MLP's share of the value included; and the rest, which needs no example.
function stepParts(model, k) {
  const { slot } = DATA.picture.options, { result, witness } = model, record = result.steps[k], { mlp } = record.layer;
  const [name] = splitEntry(slot ?? witness.readout.slot), factor = slot ? 1 : witness.readout.value;
  const t = result.tokens.queries[0], n = app.data.X.length, plain = mlp && mlp.activation === "identity" && mlp.gate === null && !record.layer.norm;
  const pairs = Array.from({ length: n }, () => []);
  for (const made of record.heads) {
    const carried = plain ? throughMlp(mlp, made.values, witness.layout, result.tokens.total)[name] : null;
    if (!made.values[name] && !carried) continue;
    made.seen.forEach((token, at) => {
      const j = Math.max(result.tokens.x.indexOf(token), result.tokens.y.indexOf(token));
      const value = (made.values[name] ? made.values[name].get(token, 0) : 0) + (carried ? carried.get(token, 0) : 0);
      if (j >= 0) pairs[j].push([made.weights.get(t, at), factor * value]);
    });
  }
  const whole = factor * (record.after[name].get(t, 0) - record.before[name].get(t, 0));
  const shares = pairs.flat().map(([score, value]) => score * value);
  const rest = whole - shares.reduce((total, v) => total + v, 0), size = Math.max(Math.abs(whole), ...shares.map(Math.abs));
  return { pairs, rest: Math.abs(rest) > 1e-12 * size ? rest : 0 };
}

// What a linear MLP makes of these values alone.
function throughMlp(mlp, values, layout, tokens) {
  const stream = Object.fromEntries(layout.slots.map(([name, shape]) => [name, values[name] ?? new Matrix(tokens, sizeOf(shape))]));
  return perceive(mlp, stream, layout).result;
}

// Bars end to end: each begins where the one above it ends, and the last is the whole step.
function stepBars(model, k, size) {
  const layer = Math.max(1, k), { pairs, rest } = stepParts(model, layer), { W, H } = size;
  const adds = pairs.map((some) => some.reduce((total, [score, value]) => total + score * value, 0));
  const lines = adds.map((by, j) => ({ by, kind: "piece", label: `${size.narrow ? "ex." : "example"} ${j + 1}`,
    product: pairs[j].length === 1 ? pairs[j][0] : null, data: `data-add="${by}"` }));
  if (rest !== 0) lines.push({ by: rest, kind: "piece rest-piece", label: "kept", product: null, data: `data-add="${rest}"` });
  const whole = lines.reduce((total, line) => total + line.by, 0);
  let at = 0;
  for (const line of lines) { line.from = at; at += line.by; line.to = at; }
  lines.push({ from: 0, to: whole, by: whole, kind: "whole", label: "the step", product: null, data: `data-step="${whole}"` });
  const ends = lines.flatMap((line) => [line.from, line.to]).filter(Number.isFinite);
  const words = W > 420 ? 190 : 150, row = Math.min(84, (H - 12) / lines.length), thick = Math.max(2, Math.min(34, row * 0.56)), written = row >= 13;
  const frame = plotFrame({ W, H, left: words, right: roomFor(lines.map(({ by }) => by), 52), top: 6, bottom: 6, x: rangeOf(ends, 0.04, 0.04), y: [lines.length, 0] });
  const svg = lines.map((line, i) => {
    const y = 6 + row * (i + 0.5), [a, b] = [frame.px(line.from), frame.px(line.to)].sort((p, q) => p - q), last = line.kind === "whole";
    const said = written || last ? svgText(0, y + 4, line.label, { kind: last ? "strong" : "" }) : "";
    const times = written && line.product ? `<text x="${words - 12}" y="${(y + 4).toFixed(1)}" text-anchor="end"><tspan class="key-ink">${show(line.product[0], 2)}</tspan> × <tspan class="value-ink">${show(line.product[1], 2)}</tspan></text>` : "";
    const side = line.to >= line.from ? [b + 5, "start"] : [a - 5, "end"], fits_ = side[1] === "start" || a > words + 40;
    const amount = written || last ? svgText(fits_ ? side[0] : b + 5, y + 4, show(line.by), { kind: last ? "strong" : "", anchor: fits_ ? side[1] : "start" }) : "";
    const link = i + 1 < lines.length ? svgLine(frame.px(line.to), y + thick / 2, frame.px(line.to), y + row - thick / 2, "link") : "";
    return Number.isFinite(line.by) ? `${said}${times}<rect class="${line.kind} ${line.by < 0 ? "minus" : ""}" x="${a.toFixed(1)}" y="${(y - thick / 2).toFixed(1)}" width="${Math.max(b - a, 1).toFixed(1)}" height="${thick.toFixed(1)}" rx="1.5" ${line.data}/>${amount}${link}` : said;
  }).join("");
  const zero = svgLine(frame.px(0), 2, frame.px(0), Math.min(H - 2, 10 + row * lines.length), "zero-line");
  const title = `${k === 0 ? "To come in layer 1" : `Layer ${k} at the query`}: <span class="key">score</span> × <span class="value">value</span>`;
  return [title, `<g class="step ${k === 0 ? "ahead" : ""}">${zero}${svg}</g>`,
    `${lines.slice(0, -1).map((line) => `${line.label} ${show(line.by)}`).join(", ")}; together ${show(whole)}`];
}

PICTURES.descent = { parts: [1.15, 1], draw: (model, k, sizes) => [lossMap(model, k, sizes[0]), stepBars(model, k, sizes[1])] };
