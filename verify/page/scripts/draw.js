// What every plot shares: scales with round ticks, axes, lines, and colours by role.

// Up to about `count` round numbers between low and high.
function roundTicks(low, high, count) {
  const rough = (high - low) / Math.max(1, count), unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * unit).find((s) => s >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9), made = [];
  for (let i = first; i * step <= high + step * 1e-9; i++) made.push(Number((i * step).toPrecision(12)));
  return made;
}

// Powers of ten between low and high, at most about `count`.
function decadeTicks(low, high, count) {
  const from = Math.ceil(Math.log10(low) - 1e-9), to = Math.floor(Math.log10(high) + 1e-9);
  const every = Math.max(1, Math.ceil((to - from + 1) / count)), made = [];
  for (let e = to; e >= from; e -= every) made.unshift(10 ** e);
  return made;
}

// A plot's area in the units of its viewBox. x and y are [low, high]; `log: true` makes y a
// logarithmic axis. px and py take values to places, x and y take places back to values.
function plotFrame({ W, H, left = 36, right = 10, top = 10, bottom = 26, x, y, log = false }) {
  const level = log ? (v) => Math.log10(Math.min(Math.max(v, y[0]), y[1])) : (v) => v;
  const [bottomLevel, topLevel] = [level(y[0]), level(y[1])];
  const wide = W - left - right, high = H - top - bottom;
  return {
    W, H, left, right, top, bottom, log, xRange: x, yRange: y,
    px: (v) => left + (wide * (v - x[0])) / (x[1] - x[0]),
    py: (v) => top + (high * (topLevel - level(v))) / (topLevel - bottomLevel),
    x: (place) => x[0] + ((place - left) / wide) * (x[1] - x[0]),
    y: (place) => {
      const at = topLevel - ((place - top) / high) * (topLevel - bottomLevel);
      return log ? 10 ** at : at;
    },
  };
}

// A number on an axis: a power of ten with its exponent raised on a logarithmic one.
function tickText(value, log) {
  if (!log) return show(value);
  const exponent = String(Math.round(Math.log10(value))).replace("-", "−");
  return `10<tspan dy="-.4em" font-size=".75em">${exponent}</tspan>`;
}

// The range of an axis that holds these values and 0, with shares of room below and above; of
// values that are all 0 it is as if they lay within 1.
function rangeOf(values, below, above) {
  const low = Math.min(...values, 0), high = Math.max(...values, 0), spread = high - low || 1;
  return [low - below * spread, high + above * spread];
}

// Units of a viewBox that the longest of these numbers takes beside a bar, at least `least`.
const roomFor = (values, least) => Math.max(least, 14 + 8 * Math.max(...values.map((v) => show(v).length)));

// Grid lines, ticks with numbers, and the names of both axes. `xTicks` and `yTicks` replace the
// round ones.
function axes(frame, { xName = "", yName = "", xTicks, yTicks, count = 5 } = {}) {
  const { W, H, left, right, top, bottom, log, px, py } = frame;
  const across = xTicks ?? roundTicks(...frame.xRange, count);
  const up = yTicks ?? (log ? decadeTicks(...frame.yRange, count) : roundTicks(...frame.yRange, count));
  const vertical = across.map((v) => `<line class="grid${v === 0 ? " zero" : ""}" x1="${px(v)}" x2="${px(v)}" y1="${top}" y2="${H - bottom}"/>
    <text class="tick" x="${px(v)}" y="${H - bottom + 12}" text-anchor="middle">${tickText(v, false)}</text>`);
  const horizontal = up.map((v) => `<line class="grid${v === 0 ? " zero" : ""}" x1="${left}" x2="${W - right}" y1="${py(v)}" y2="${py(v)}"/>
    <text class="tick" x="${left - 5}" y="${py(v) + 3.5}" text-anchor="end">${tickText(v, log)}</text>`);
  const names = `${xName && `<text class="axis-name" x="${W - right}" y="${H - 3}" text-anchor="end">${xName}</text>`}${
    yName && `<text class="axis-name" x="4" y="${Math.max(8, top - 7)}">${yName}</text>`}`;
  return `<g class="axes" aria-hidden="true">${vertical.join("")}${horizontal.join("")}${names}</g>`;
}

// The path through points [x, y]; what is not finite breaks the line.
function linePath(frame, points, kind) {
  let pen = "M";
  const path = points.map(([x, y]) => {
    if (!Number.isFinite(x) || !Number.isFinite(y)) { pen = "M"; return ""; }
    const made = `${pen}${frame.px(x).toFixed(1)} ${Math.max(-1e4, Math.min(1e4, frame.py(y))).toFixed(1)}`;
    pen = "L";
    return made;
  });
  return `<path class="${kind}" d="${path.join("")}"/>`;
}

// A bar from value `from` to value `to` at x, `width` wide in units of the viewBox.
function uprightBar(frame, x, from, to, width, kind, data = "") {
  const [a, b] = [frame.py(from), frame.py(to)];
  return `<rect class="${kind}" x="${(frame.px(x) - width / 2).toFixed(2)}" y="${Math.min(a, b).toFixed(2)}" width="${width}" height="${Math.abs(a - b).toFixed(2)}" ${data}/>`;
}

// What is drawn, in words: [[its classes, text], …].
const legend = (items) => `<ul class="key-list">${items.map(([kind, text]) => `<li><span class="${kind}"></span> ${text}</li>`).join("")}</ul>`;
