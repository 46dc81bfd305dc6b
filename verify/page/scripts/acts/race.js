// The race: error against layers for five transformers on the same prompt.

const RACERS = {
  gradient_descent: { label: "gradient descent", rule: "step size η = 1/(λ₁ + λ₂)" },
  newton: { label: "Newton from αS", rule: "α = 2/(λ₁² + λ₂²)" },
  sherman_morrison: { label: "Sherman–Morrison", rule: "no step size; ridge λ₂/10" },
  newton_carried: { label: "Newton from αI", rule: "α = 2/(λ₁ + λ₂)" },
  hyperpower: { label: "third order", rule: "α = 2/(λ₁ + λ₂)" },
};
const LOWEST = 1e-16;
const LEVELS = [1, 1e-3, GOAL, 1e-9, 1e-12, 1e-15];

function drawRace(svg, race, chosen, layer, size) {
  const groups = layersOf(svg, ["axes", "lines", "now", "names"]), narrow = size.W < 520;
  const frame = plotFrame({ ...size, left: 46, right: 14, top: 18, bottom: 30, x: [0, STORY.deepest], y: [LOWEST, 10], log: true });
  const { px, py } = frame;
  groups.axes.innerHTML = `${axes(frame, { xName: "layers", yName: "error", yTicks: LEVELS, count: 6 })}
    <line class="goal-line" x1="${frame.left}" x2="${size.W - frame.right}" y1="${py(GOAL)}" y2="${py(GOAL)}"/>`;
  groups.lines.innerHTML = Object.keys(RACERS).map((name) => linePath(frame, race[name].errors.map((e, k) => [k, Math.max(e, LOWEST)]),
    `racer ${name}${name === chosen ? " chosen" : ""}`)).join("");
  const { errors } = race[chosen], here = Math.min(layer, errors.length - 1);
  marks(groups.now, [
    { key: "at", tag: "line", class: "race-at", x1: px(layer), x2: px(layer), y1: frame.top, y2: size.H - frame.bottom },
    { key: "dot", tag: "circle", class: "path-now", r: 6, cx: px(here), cy: py(Math.max(LOWEST, Math.min(10, errors[Math.round(here)]))) },
  ]);
  const finished = Object.keys(RACERS).filter((name) => race[name].reached >= 0).sort((a, b) => race[a].reached - race[b].reached);
  const running = Object.keys(RACERS).filter((name) => race[name].reached < 0);
  const name_ = (name, x, y, anchor) => ({ key: name, tag: "text", class: `race-name ${name}${name === chosen ? " chosen" : ""}`, x, y, "text-anchor": anchor,
    text: race[name].reached < 0 ? RACERS[name].label : narrow ? String(race[name].reached) : `${RACERS[name].label}: ${race[name].reached}` });
  marks(groups.names, [
    ...finished.map((name, i) => {
      const x = px(race[name].reached), right = x > size.W * 0.7;
      if (narrow) return name_(name, x + 5, py(GOAL) - 5, "start"); // the table has the names
      return name_(name, right ? x - 8 : x + 8, py(GOAL) + 18 + ((size.H - frame.bottom - py(GOAL) - 26) * i) / Math.max(4, finished.length - 1), right ? "end" : "start");
    }),
    ...running.map((name, i) => name_(name, size.W - frame.right - 6, py(Math.max(GOAL * 10, race[name].errors[race[name].errors.length - 1])) + 16 + 16 * i, "end")),
  ]);
}
