// The stage: what is shown, how the three pictures move together, and the control below them.

// The figure of each card: what B shows, which transformer runs, and what stays where there is
// room for little.
const ACTS = [
  { show: "sum", scene: "descent", focus: "points" },
  { show: "scores", scene: "descent", focus: "points bars" },
  { show: "values", scene: "descent", focus: "points bars" },
  { show: "sum", scene: "descent", focus: "points bars" },
  { show: "sum", scene: "descent", focus: "map" },
  { show: "race", scene: "race", focus: "race" },
  { show: "sum", scene: "newton", focus: "bars" },
  { show: "sign", scene: "printed", focus: "bars" },
];
const MOVE = 450, TURN = 300; // ms
const CONDITION = 100; // what the race starts at
const SHARE = 0.45; // of the largest step size that converges: no step goes too far

const story = {
  card: 1, layer: 0, show: "sum", turn: 0, playing: false, lit: null, held: null,
  base: { x: [...STORY.prompt.x], y: [...STORY.prompt.y], query: STORY.prompt.query },
  condition: CONDITION, share: SHARE, racer: "gradient_descent", flipped: new Set(), sizes: {},
};
const act = () => ACTS[story.card - 1];

function promptAt(stretch) {
  const { x, y, query } = story.base;
  return { X: x.map((v) => [v * stretch, 1]), y: [...y], queries: [[query * stretch, 1]] };
}

// The unit of x in which S has this condition number; 1 where it is larger already.
function stretchFor(condition) {
  let [low, high] = [0, 10];
  const reached = (e) => shapeOf(promptAt(2 ** e)).condition >= condition;
  if (reached(0)) return 1;
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (reached(middle)) high = middle; else low = middle;
  }
  return 2 ** high;
}

function recompute() {
  const { scene: kind } = act();
  story.stretch = kind === "race" ? stretchFor(story.condition) : 1;
  const data = (story.data = promptAt(story.stretch)), shape = (story.shape = shapeOf(data));
  story.best = bestLine(shape);
  story.race = null;
  if (kind === "descent") story.scene = descent(data, story.share / shape.top);
  else if (kind === "newton") story.scene = newtonScene(data);
  else if (kind === "printed") story.scene = printedScene(data, story.flipped);
  else {
    story.race = Object.fromEntries(Object.keys(RACERS).map((name) => [name, racer(name, data, shape)]));
    story.scene = story.race[story.racer];
  }
  story.last = kind === "race" ? STORY.deepest : story.scene.count;
  story.layer = Math.min(story.layer, story.last);
}

// -- poses ------------------------------------------------------------------------------------------

const padded = (values, below, above = below) => {
  const [low, high] = [Math.min(...values), Math.max(...values)], size = high - low || 1;
  return [low - size * below, high + size * above];
};

// Bars on their base, or (`laid`) end to end; `only` says what they are where they are no products.
function panelPose(part, laid, names, only) {
  const ends = [];
  part.products.reduce((sum_, p) => { ends.push(sum_ + p); return sum_ + p; }, 0);
  const tall = part[only ?? "products"];
  return {
    ...names, values: part.values, products: part.products, ...(part.should ? { should: part.should } : {}),
    from: part.products.map((_, j) => (laid && j ? ends[j - 1] : 0)), to: laid ? ends : tall,
    numbers: tall, total: laid ? part.total : 0, sumOf: part.total,
    range: padded([0, ...tall, ...(part.should ?? []), ...(only || names.loose ? [] : ends)], 0.05, 0.2),
  };
}

function panelsAt(k, laid) {
  const { scene: made } = story, parts = made.adds[Math.min(k, made.adds.length - 1)], only = ["scores", "values"].find((what) => what === story.show);
  if (made.name === "printed") return parts.map((part) => panelPose(part, false, { name: "value", product: "arrives", sum: "", loose: true }, only));
  if (made.name === "newton" && parts.length > 1) {
    return parts.map((part, i) => panelPose(part, laid, { name: "value", product: i ? "entry 2" : "entry 1", sum: "Δ =" }, only));
  }
  const adds = made.name === "newton" ? "answer" : "adds";
  return parts.map((part) => panelPose(part, laid, { name: "value", product: only ? only.slice(0, -1) : adds, sum: made.name === "newton" ? "" : "Δ =" }, only));
}

function rangesOf() {
  const { data, scene: made, best } = story, xs = [...data.X.map((x) => x[0]), data.queries[0][0]];
  const [low, high] = padded([...data.y, 0], 0.1);
  const answers = made.asked.slice(0, 3).map((v) => Math.max(2 * low - high, Math.min(2 * high - low, v)));
  const limit = 2.2 * (norm(best) || 1), { W, H } = story.sizes.map ?? { W: 400, H: 280 };
  const inside = made.lines.filter((w) => w.every((v, i) => Math.abs(v - best[i]) < limit));
  const reach = (i, room) => Math.max(...inside.map((w) => Math.abs(w[i] - best[i])), 0.1 * limit) / (room / 2);
  const unit = 1.25 * Math.max(reach(1, W - 46), reach(0, H - 42));
  return { xr: padded(xs, 0.08), yr: padded([low, high, ...answers], 0.04), map: { centre: [...best], unit: Number.isFinite(unit) ? unit : 1 } };
}

function poseAt(k, laid) {
  const { data, scene: made, shape, best } = story, at = Math.min(k, made.count);
  const parts = story.show === "race" ? [] : made.adds[Math.min(k, made.adds.length - 1)];
  const [s, h] = shape.valley, sign = h < 0 ? -1 : 1;
  return {
    ...(story.held ?? rangesOf()), laid, layer: k, x: data.X.map((x) => x[0]), y: data.y, query: data.queries[0][0],
    line: made.lines[at], fits: made.fits[at], asked: made.asked[at], best, showBest: story.card >= 5, path: made.lines,
    step: laid && made.name === "gradient_descent" && story.show === "sum" && at + 1 < made.adds.length ? parts[0].total : null,
    scores: parts.length ? parts[0].scores : [], panels: story.show === "race" ? [] : panelsAt(at, laid),
    asker: made.name === "printed" ? "1" : "?",
    valley: [s * sign, h * sign], top: shape.top, bottom: shape.bottom,
    reach: Math.sqrt(Math.max(0, quadratic(shape.S, best))) || 1,
  };
}
const quadratic = (S, w) => S.get(0, 0) * w[0] ** 2 + 2 * S.get(0, 1) * w[0] * w[1] + S.get(1, 1) * w[1] ** 2;

// The bars as they lie, the line already where they have moved it.
function moved(k) {
  const [before, after] = [poseAt(k, true), poseAt(k + 1, true)];
  return { ...after, panels: before.panels, scores: before.scores, step: before.step === null ? null : 0 };
}
const rests = () => ["sum", "race"].includes(story.show); // bars lie end to end when nothing moves

function draw(pose) {
  const { sizes } = story;
  drawPoints(byId("points"), pose, sizes.points);
  if (story.show === "race") {
    if (story.race) drawRace(byId("race"), story.race, story.racer, pose.layer, sizes.race);
  } else if (pose.panels.length) drawBars(byId("bars"), pose, sizes.bars);
  drawContours(byId("map"), pose, sizes.map);
  story.pose = pose;
}

async function animate(to, ms) {
  const mine = story.turn, from = story.pose;
  await tween(ms, (t) => draw(t === 1 ? to : between(from, to, t)), () => mine !== story.turn);
  if (mine === story.turn) light(story.lit);
  return mine === story.turn;
}

// Shows the state at once, or in one movement.
function settle(ms) {
  story.turn += 1;
  const to = poseAt(story.layer, rests());
  if (ms && story.pose) animate(to, ms);
  else { draw(to); light(story.lit); }
  say();
}

// -- steps ----------------------------------------------------------------------------------------

async function step(by) {
  const from = story.layer, to = Math.max(0, Math.min(story.last, from + by));
  if (to === from) return false;
  story.turn += 1;
  story.layer = to;
  if (["scores", "values"].includes(story.show)) reveal("sum");
  say();
  if (by !== 1 || story.show === "race" || story.show === "sign") return animate(poseAt(to, rests()), MOVE);
  if (!story.pose.laid && !await animate(poseAt(from, true), MOVE)) return false;
  return await animate(moved(from), MOVE) && await animate(poseAt(to, false), TURN) && animate(poseAt(to, true), MOVE);
}

async function play() {
  if (story.playing) { story.playing = false; say(); return; }
  if (story.layer === story.last) { story.layer = 0; settle(TURN); }
  story.playing = true;
  say();
  while (story.playing && await step(1));
  story.playing = false;
  say();
}

const TITLES = { scores: "How alike is every point to ?", values: "What every point hands over", sign: "What point 1 is given" };

function reveal(what) {
  story.show = what;
  byId("bars-title").textContent = TITLES[what] ?? (act().scene === "newton" ? "The same bars, for t" : "What the next layer adds");
  byId("figure").dataset.show = what;
  measure();
}

// -- words around the pictures ----------------------------------------------------------------------

const signed = (v) => `${v < 0 ? "−" : "+"} ${show(Math.abs(v))}`;

function say() {
  const { layer, last, scene: made } = story, at = Math.min(layer, made.count), [slope, height] = made.lines[at];
  const loss = story.data.y.reduce((total, y, j) => total + (y - made.fits[at][j]) ** 2, 0);
  byId("layer-name").textContent = `${made.unit} ${layer} of ${last}`;
  const range = byId("layer-slider");
  Object.assign(range, { max: last, value: layer });
  range.setAttribute("aria-valuetext", `${made.unit} ${layer} of ${last}`);
  byId("play").textContent = story.playing ? "❚❚ Pause" : "▶ Play";
  byId("back").disabled = layer === 0;
  byId("step").disabled = layer === last;
  const line = `y = ${show(slope)} x ${signed(height)}`;
  byId("points-caption").textContent = line;
  byId("map-caption").textContent = `loss ${show(loss)}`;
  byId("points").setAttribute("aria-label", `Six points and the line ${line} after ${made.unit} ${layer}`);
  byId("map").setAttribute("aria-label", `Rings of equal loss; after ${made.unit} ${layer} the loss is ${show(loss)}`);
  byId("bars").setAttribute("aria-label", `${byId("bars-title").textContent}: ${barsText()}`);
  sayBars();
  sayCard();
}

function barsText() {
  const { scene: made } = story, parts = made.adds[Math.min(story.layer, made.adds.length - 1)] ?? [];
  return parts.map((part) => `${part.products.map((p) => show(p)).join(", ")}; together ${show(part.total)}`).join("; ");
}

// The example under the pointer, in numbers; else the sum.
function sayBars() {
  const { scene: made, lit } = story, parts = made.adds[Math.min(story.layer, made.adds.length - 1)] ?? [];
  if (!parts.length) return;
  const [part] = parts, j = lit;
  const one = made.name === "printed" ? `point ${j + 1}: heads ${show(part.heads[0][j])} and ${show(part.heads[1][j])} · should be ${show(part.should[j])}`
    : `point ${j + 1}: score ${show(part.scores[j])} × value ${show(part.values[j])} = ${show(part.products[j])}`;
  const all = made.name === "printed" ? "outlined: what should arrive"
    : made.name === "newton" && parts.length === 1 ? `end to end: the answer ${show(part.total)}`
      : made.name === "newton" ? "end to end: what t is given" : `end to end: Δ = ${show(part.total)}`;
  byId("bars-caption").textContent = j !== null ? one : story.show === "sum" || story.show === "sign" ? all : "";
}

function light(j) {
  story.lit = j;
  const figure = byId("figure");
  figure.classList.toggle("lighting", j !== null);
  for (const mark of figure.querySelectorAll("[data-j]")) mark.classList.toggle("lit", j !== null && Number(mark.dataset.j) === j);
  sayBars();
}

// -- size -----------------------------------------------------------------------------------------

// In slides the drawings grow with the letters around them.
const zoom = () => (PRESENTED ? parseFloat(getComputedStyle(document.documentElement).fontSize) / 16 : 1);

function measure() {
  const unit = zoom();
  for (const id of ["points", "bars", "race", "map"]) {
    const svg = byId(id), box = svg.parentElement.getBoundingClientRect();
    const size = { W: Math.max(200, Math.round(box.width / unit)), H: Math.max(110, Math.round(box.height / unit)) };
    if (!box.width) { story.sizes[id] ??= size; continue; }
    story.sizes[id] = size;
    svg.setAttribute("viewBox", `0 0 ${size.W} ${size.H}`);
  }
}
