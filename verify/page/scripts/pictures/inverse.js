// An inverse that is found by multiplication: what is left of the error in every direction of S, on
// a logarithmic axis where squaring doubles a bar; and what M S makes of the unit circle.

// M after layer k: what the slot holds at the unit vectors, as columns.
function matrixAfter(model, k) {
  const columns_ = slotAt(runsAtUnits(model), DATA.picture.options.slot, k);
  return columns_[0].map((_, i) => columns_.map((column) => column[i]));
}

// 1 - s m in every eigendirection v of S that is not empty, m = v . M v, after layer k.
function errorsOfInverse(model, k) {
  const parts = eigenOfS(), M = matrixAfter(model, k), top = Math.max(...parts.values);
  return parts.values.map((s, i) => {
    const v = eigenvector(parts, i);
    return { s, left: 1 - s * dot(v, M.map((row_) => dot(row_, v))) };
  }).filter(({ s }) => s > top * 1e-12).sort((a, b) => b.s - a.s);
}

function digitBars(model, k, size) {
  const layers = everyLayer(model), made = kept(`picture inverse ${app.side}`, () => layers.map((layer) => errorsOfInverse(model, layer)));
  const sizes = made.flat().map(({ left }) => Math.abs(left)).filter((v) => Number.isFinite(v) && v > 1e-17);
  const low = 10 ** Math.max(-17, Math.min(-2, Math.floor(Math.log10(Math.min(...sizes, 0.1)) - 0.3))), high = 10 ** Math.max(0, Math.min(12, Math.ceil(Math.log10(Math.max(...sizes, 1)) - 1e-9)));
  const frame = plotFrame({ ...size, left: 46, bottom: 30, top: 18, x: [-0.6, layers.length - 0.4], y: [low, high], log: true });
  const group = (frame.px(1) - frame.px(0)) * 0.76, wide = Math.min(34, group / Math.max(1, made[0].length));
  const floor = (v) => (Number.isFinite(v) ? Math.min(high, Math.max(low, Math.abs(v))) : high);
  const bars = made.map((some, layer) => some.map(({ left }, i) => {
    const place = frame.px(layer) + (i - (some.length - 1) / 2) * wide, [a, b] = [frame.py(1), frame.py(floor(left))];
    const kind = `digits direction${Math.min(i, 1)} ${layer === k ? "now" : layer > k ? "ahead" : ""}`;
    return `<rect class="${kind}" x="${(place - wide / 2 + 1).toFixed(1)}" y="${Math.min(a, b).toFixed(1)}" width="${Math.max(1, wide - 2).toFixed(1)}" height="${Math.max(1.5, Math.abs(a - b)).toFixed(1)}" data-left="${left}" data-layer="${layer}"/>`;
  }).join("")).join("");
  const one = svgLine(frame.left, frame.py(1), size.W - frame.right, frame.py(1), "one-line");
  const legend = made[k].map(({ s, left }, i) => `<tspan class="direction${Math.min(i, 1)}-ink">${i ? "  ·  " : ""}s = ${show(s)}: ${show(left, 2)}</tspan>`).join("");
  const note = `<text class="legend-text" x="${size.W - frame.right}" y="12" text-anchor="end">${size.narrow && made[k].length > 2 ? "" : legend}</text>`;
  return ["What is left in every direction: |1 − s·m|", `${axes(frame, { xName: "layer", xTicks: layers.filter((layer) => layer % Math.ceil(layers.length / 12) === 0), count: 6 })}${bars}${one}${note}`,
    `after layer ${k} the errors are ${made[k].map(({ s, left }) => `${show(left, 2)} where the eigenvalue is ${show(s)}`).join(", ")}`];
}

// The unit circle, and M S of it after every layer up to k.
function inverseOfCircle(model, k, size) {
  const X = fromRows(app.data.X, app.d), S = product(transpose(X), X);
  const shape = (layer) => {
    if (app.d === 2) {
      const M = matrixAfter(model, layer);
      return M.map((row_) => [0, 1].map((j) => row_[0] * S.get(0, j) + row_[1] * S.get(1, j)));
    }
    const errors = errorsOfInverse(model, layer), ends = [errors[0], errors[errors.length - 1]]; // along two eigenvectors
    return [[1 - ends[0].left, 0], [0, 1 - ends[1].left]];
  };
  const shapes = everyLayer(model).slice(0, k + 1).map(shape), now = shapes[k];
  const reach = Math.min(3, Math.max(1.15, ...now.flat().filter(Number.isFinite).map((v) => 1.05 * Math.abs(v))));
  const frame = squareFrame([[-reach, -reach], [reach, reach]], size, 1.08);
  const before = shapes.slice(0, -1).filter((A) => allFinite(A.flat())).map((A) => ellipse(frame, [0, 0], A, "shape before")).join("");
  const drawn = (allFinite(now.flat()) ? ellipse(frame, [0, 0], now, "shape now") : "")
    + (largestOf(now.flat(), 0) <= reach && allFinite(now.flat()) ? "" : svgText(size.W / 2, 30, "M·S has left the picture: it runs away", { kind: "warning", anchor: "middle" }));
  return [`The unit circle, dashed, and <span class="written">M·S</span> of it`,
    `${axes(frame, { count: 4 })}${inFrame(1, frame, ellipse(frame, [0, 0], [[1, 0], [0, 1]], "circle-goal") + before + drawn)}`,
    `M S after layer ${k} is ${now.map((row_) => vectorText(row_)).join(" ")}`];
}

PICTURES.inverse = { parts: [1.35, 1], draw: (model, k, sizes) => [digitBars(model, k, sizes[0]), inverseOfCircle(model, k, sizes[1])] };
