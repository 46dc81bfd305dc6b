// A soft threshold: coefficients come from the gradient step on the axis below and leave on the left.

// w before the MLP of layer k and after it, at the query's token.
function aroundThreshold(model, k) {
  const { result } = model, t = result.tokens.queries[0], { slot } = DATA.picture.options, d = app.d, record = result.steps[k];
  const read = (stream) => Array.from(stream[slot].v.subarray(t * d, (t + 1) * d));
  return { before: read(record.middle ?? record.after), after: read(record.after) };
}

const coefficientName = (i) => indexed("w", i + 1);

function thresholdCurve(model, k, size) {
  const tau = evaluate(DATA.picture.amount, app.analysis.scope).v[0], layers = everyLayer(model);
  const numbers = layers.slice(1).flatMap((layer) => Object.values(aroundThreshold(model, layer)).flat()).filter((v) => Number.isFinite(v) && Math.abs(v) < 1e3);
  const high = Math.max(...numbers, 2 * tau, 0.2), low = Math.min(...numbers, -2 * tau, -0.2), room = 0.1 * (high - low);
  const frame = squareFrame([[low - room, low - room], [high + room, high + room]], size, 1);
  const soft = (v) => Math.max(v - tau, 0) - Math.max(-v - tau, 0), xs = [frame.xRange[0], -tau, tau, frame.xRange[1]];
  const curve = linePath(frame, xs.map((v) => [v, soft(v)]), "rule") + linePath(frame, frame.xRange.map((v) => [v, v]), "identity-line");
  const gap = `<rect class="gap" x="${frame.px(-tau).toFixed(1)}" y="${frame.top}" width="${(frame.px(tau) - frame.px(-tau)).toFixed(1)}" height="${size.H - frame.top - frame.bottom}"/>`;
  const { before, after } = aroundThreshold(model, k), x0 = frame.px(0);
  const moved = before.map((v, i) => (allFinite([v, after[i]]) ? `${svgLine(frame.px(v), frame.py(0), frame.px(v), frame.py(after[i]), "route")}${svgLine(frame.px(v), frame.py(after[i]), x0, frame.py(after[i]), "route")}
    ${svgDot(frame.px(v), frame.py(0), 5, "came")}${svgDot(x0, frame.py(after[i]), 7, `dot now ${after[i] === 0 ? "nought" : ""}`, `data-before="${v}" data-after="${after[i]}"`)}
    ${svgText(frame.px(v) + 4, frame.py(0) + 16, coefficientName(i), { kind: "strong" })}` : "")).join("");
  const title = k === 0 ? "The threshold: what is smaller than ηλ becomes 0" : "In from below, out to the left: less by ηλ, or 0";
  return [title, `${inFrame(0, frame, gap)}${axes(frame, { xName: "after the gradient step", yName: "after the threshold" })}${inFrame(0, frame, curve + moved)}`,
    `after the gradient step of layer ${k} w is ${vectorText(before)}, after the threshold ${vectorText(after)}`];
}

function coefficientPaths(model, k, size) {
  const layers = everyLayer(model).slice(0, -1), all = layers.map((layer) => aroundThreshold(model, layer).after);
  const seen = all.flat().filter((v) => Number.isFinite(v) && Math.abs(v) < 1e3).concat(0), spread = Math.max(Math.max(...seen) - Math.min(...seen), 0.4);
  const frame = plotFrame({ ...size, left: 38, right: 34, bottom: 28, top: 16, x: [0, Math.max(1, layers.length - 1)], y: [Math.min(...seen) - 0.12 * spread, Math.max(...seen) + 0.12 * spread] });
  const now = Math.min(k, layers.length - 1);
  const lines = Array.from({ length: app.d }, (_, i) => {
    const path = all.map((w, layer) => [layer, w[i]]);
    return linePath(frame, path.slice(0, now + 1), "path") + linePath(frame, path.slice(now), "path ahead") + path.map(([layer, v]) => (Number.isFinite(v)
      ? svgDot(frame.px(layer), frame.py(v), layer === now ? 6 : 4, `dot ${layer === now ? "now" : layer > now ? "ahead" : ""} ${v === 0 ? "nought" : ""}`, `data-layer="${layer}"`) : "")).join("")
      + svgText(size.W - 28, frame.py(all[all.length - 1][i]) + 4, coefficientName(i), { kind: "strong" });
  }).join("");
  return ["Coefficients after every layer; ○ is exactly 0", `${axes(frame, { xName: "layer", xTicks: layers })}${lines}`, `w after layer ${k} is ${vectorText(all[now])}`];
}

PICTURES.threshold = { parts: [1, 1.1], draw: (model, k, sizes) => [thresholdCurve(model, k, sizes[0]), coefficientPaths(model, k, sizes[1])] };
