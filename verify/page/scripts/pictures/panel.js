// The panel on the first screen: the picture that is the construction's idea, its control, and
// what pictures read off the transformer. A picture is { parts, draw(model, k, sizes) }: how wide
// its parts are beside each other, and after layer k what stands in each: [title, svg, what it says].

const PICTURES = {};
const playing = { timer: null, pause: 1100 };

// -- the panel -----------------------------------------------------------------------------------

function renderPicture() {
  const panel = byId("picture"), model = app.models[app.side];
  if (!panel) return;
  panel.hidden = false;
  renderPictureBar(model);
  if (!model) return fill(byId("picture-figure"), "<p>There is no transformer of this size.</p>");
  const picture = PICTURES[DATA.picture.kind], k = Math.min(app.layer, model.witness.layers.length);
  const sizes = pictureSizes(picture.parts, picture.fills ? picture.fills(model) : 900);
  planes.clear();
  const drawn = picture.draw(model, k, sizes).map(([title, svg, said], i) => {
    const { W, H } = sizes[i];
    return `<figure class="picture-part" style="width:${W}px"><figcaption>${title}</figcaption>
      <svg width="${W}" height="${H}" viewBox="0 0 ${W} ${H}" role="${svg.includes("tabindex") ? "group" : "img"}" aria-label="${escapeText(said)}">${svg}</svg></figure>`;
  });
  fill(byId("picture-figure"), drawn.join(""));
}

function renderPictureBar(model) {
  const name = app.layer === 0 ? "the prompt" : (model && model.witness.layers[app.layer - 1] || { name: "" }).name;
  const said = model && DATA.lesson.predicts
    ? `<span class="picture-now">prediction <b>${show(lens(model.result, Math.min(app.layer, model.witness.layers.length), DATA.lesson.lens)[0], 4)}</b></span>` : "";
  fill(byId("picture-bar"), `<button type="button" class="play" data-picture="play" data-focus="play" aria-pressed="${playing.timer !== null}">${
    playing.timer === null ? "▶ play" : "❚❚ pause"}</button>
    <button type="button" data-picture="-1" data-focus="picture-back" aria-label="one layer back" ${app.layer === 0 ? "disabled" : ""}>←</button>
    <button type="button" data-picture="1" data-focus="picture-on" aria-label="one layer on" ${app.layer === app.layers ? "disabled" : ""}>→</button>
    <span class="picture-layer"><b>layer ${app.layer} of ${app.layers}</b> <span class="layer-name">${titled(name)}</span></span>${said}`);
}

// Every part gets the width that it asks for, and the height that is left of the first screen, as
// far as it can be filled.
function pictureSizes(parts, most) {
  const figure = byId("picture-figure"), { paddingLeft, paddingRight } = getComputedStyle(figure);
  const wide = Math.max(160, figure.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight)), narrow = wide < 640;
  const rows = narrow ? parts.length : 1, gap = 16, titles = 22;
  const above = figure.getBoundingClientRect().top + window.scrollY;
  const below = byId("picture").getBoundingClientRect().bottom - figure.getBoundingClientRect().bottom;
  const room = (window.innerHeight - above - below - 12) / rows - titles;
  const H = Math.round(Math.max(narrow ? 120 : 200, Math.min(room, narrow ? 260 : 900, most)));
  const whole = parts.reduce((sum_, part) => sum_ + part, 0);
  return parts.map((part) => ({ W: Math.floor(narrow ? wide : ((wide - gap * (parts.length - 1)) * part) / whole), H, narrow }));
}

function stopPlaying() {
  window.clearInterval(playing.timer);
  playing.timer = null;
}

function play() {
  if (playing.timer !== null) { stopPlaying(); return renderPicture(); }
  if (app.layer === app.layers) go(0, false);
  playing.timer = window.setInterval(() => {
    if (app.layer >= app.layers - 1) stopPlaying();
    go(app.layer + 1, false);
  }, playing.pause);
  renderPicture();
}

document.addEventListener("click", (event) => {
  const at = event.target.closest("[data-picture]");
  if (!at) { if (event.target.closest("[data-go],[data-layer]")) stopPlaying(); return; }
  if (at.dataset.picture === "play") return play();
  stopPlaying();
  go(app.layer + Number(at.dataset.picture), false);
});
window.addEventListener("resize", () => renderPicture());

// -- what is read off the transformer ---------------------------------------------------------------

// Runs on other queries than the prompt's; one by one where a query could see another.
function runsAt(model, queries) {
  const alone = model.witness.layers.every((layer) => layer.heads.every((head) => head.keys === "context"));
  return (alone ? [queries] : queries.map((query) => [query]))
    .map((some) => run(model.witness, { ...app.data, queries: some }));
}

const unitVectors = (d) => Array.from({ length: d }, (_, i) => Array.from({ length: d }, (__, j) => Number(i === j)));
const runsAtUnits = (model) => kept(`picture units ${app.side}`, () => runsAt(model, unitVectors(app.d)));

// Rows of a slot at the queries of these runs after layer k.
const slotAt = (runs, slot, k) => runs.flatMap((made) => made.tokens.queries.map((t) =>
  Array.from(made.steps[k].after[slot].v.subarray(t * made.steps[k].after[slot].c, (t + 1) * made.steps[k].after[slot].c))));

// The linear predictor after layer k: what it says of the unit vectors. `slot` where not the read-out.
function weightsAfter(model, k, slot) {
  return kept(`picture w ${app.side} ${k} ${slot}`, () => (slot
    ? slotAt(runsAtUnits(model), slot, k).map((row_) => row_[0])
    : runsAtUnits(model).flatMap((made) => lens(made, k, DATA.lesson.lens))));
}

const eigenvector = ({ vectors, n }, i) => Array.from({ length: n }, (_, j) => vectors[j * n + i]);
const eigenOfS = () => kept("picture eigen", () => {
  const X = fromRows(app.data.X, app.d);
  return eigen(product(transpose(X), X));
});
const everyLayer = (model) => Array.from({ length: model.witness.layers.length + 1 }, (_, k) => k);
const allFinite = (values) => values.every(Number.isFinite);
const largestOf = (values, least) => Math.max(least, ...values.filter(Number.isFinite).map(Math.abs));

// -- what several pictures draw ---------------------------------------------------------------------

const svgText = (x, y, text, { kind = "", anchor = "start" } = {}) =>
  `<text class="${kind}" x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${text}</text>`;
const svgDot = (x, y, r, kind, more = "") => `<circle class="${kind}" cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${r}" ${more}/>`;
const svgLine = (x1, y1, x2, y2, kind, more = "") => `<line class="${kind}" x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" ${more}/>`;
// What is drawn inside the axes of a part, and cut off there.
const inFrame = (part, { W, H, left, right, top, bottom }, svg) =>
  `<clipPath id="inside${part}"><rect x="${left}" y="${top}" width="${W - left - right}" height="${H - top - bottom}"/></clipPath><g clip-path="url(#inside${part})">${svg}</g>`;
const indexed = (letter, i) => `${letter}<tspan dy='3' font-size='.75em'>${i}</tspan>`;
const vectorText = (w, digits) => `(${w.map((v) => show(v, digits ?? 3)).join(", ")})`;

// A frame around points in which one unit is as long in both directions.
function squareFrame(points, { W, H }, room = 1.25) {
  const [left, right, top, bottom] = [38, 12, 14, 28], wide = W - left - right, high = H - top - bottom;
  const [low, up] = [0, 1].map((i) => points.map((p) => p[i])).map((v) => [Math.min(...v), Math.max(...v)])
    .reduce(([a, b], [c, d]) => [[...a, c], [...b, d]], [[], []]);
  const unit = Math.max((room * (up[0] - low[0])) / wide, (room * (up[1] - low[1])) / high, 1e-6);
  const range = (i, length) => { const middle = (low[i] + up[i]) / 2; return [middle - (unit * length) / 2, middle + (unit * length) / 2]; };
  return plotFrame({ W, H, left, right, top, bottom, x: range(0, wide), y: range(1, high) });
}

// The ellipse of all m + A u, |u| = 1, for a 2 x 2 matrix A as rows.
function ellipse(frame, m, A, kind) {
  const points = Array.from({ length: 73 }, (_, i) => {
    const [c, s] = [Math.cos((i * Math.PI) / 36), Math.sin((i * Math.PI) / 36)];
    return [m[0] + A[0][0] * c + A[0][1] * s, m[1] + A[1][0] * c + A[1][1] * s];
  });
  return linePath(frame, points, kind);
}

// Lines along which f is each of these levels, by marching squares on a grid of the frame.
function contours(frame, f, levels, kind) {
  const [nx, ny] = [72, 54], [x0, x1] = frame.xRange, [y0, y1] = frame.yRange;
  const at = (i, j) => [x0 + ((x1 - x0) * i) / nx, y0 + ((y1 - y0) * j) / ny];
  const values = Array.from({ length: nx + 1 }, (_, i) => Array.from({ length: ny + 1 }, (__, j) => f(...at(i, j))));
  const between = ([i, j], [k, l], level) => {
    const share = (level - values[i][j]) / (values[k][l] - values[i][j]), [a, b] = [at(i, j), at(k, l)];
    return [frame.px(a[0] + share * (b[0] - a[0])), frame.py(a[1] + share * (b[1] - a[1]))].map((v) => v.toFixed(1)).join(" ");
  };
  return levels.map((level) => {
    const path = [];
    for (let i = 0; i < nx; i++) {
      for (let j = 0; j < ny; j++) {
        const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
        const cut = corners.map((corner, c) => [corner, corners[(c + 1) % 4]])
          .filter(([a, b]) => (values[a[0]][a[1]] < level) !== (values[b[0]][b[1]] < level));
        for (let c = 0; c + 1 < cut.length; c += 2) path.push(`M${between(...cut[c], level)}L${between(...cut[c + 1], level)}`);
      }
    }
    return `<path class="${kind}" d="${path.join("")}"/>`;
  }).join("");
}

// Where the line a . w = b leaves the frame; null where it does not cross it.
function acrossFrame(frame, a, b) {
  const [[x0, x1], [y0, y1]] = [frame.xRange, frame.yRange], found = [];
  if (Math.abs(a[1]) > 1e-12) for (const x of [x0, x1]) found.push([x, (b - a[0] * x) / a[1]]);
  if (Math.abs(a[0]) > 1e-12) for (const y of [y0, y1]) found.push([(b - a[1] * y) / a[0], y]);
  const inside = found.filter(([x, y]) => x >= x0 - 1e-9 && x <= x1 + 1e-9 && y >= y0 - 1e-9 && y <= y1 + 1e-9);
  const far = inside.map((p) => [p, Math.hypot(p[0] - inside[0][0], p[1] - inside[0][1])]).sort((p, q) => q[1] - p[1]);
  return far.length > 1 && far[0][1] > 0 ? [inside[0], far[0][0]] : null;
}
