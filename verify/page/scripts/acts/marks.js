// Marks that stay the same elements while their numbers change, and eased motion between poses.

const SVG = "http://www.w3.org/2000/svg";

// Makes the children of a group those of `list`, [{key, tag, text, …attributes}], by key: an
// element stays what it is, so that focus, pointer capture and transitions last.
function marks(group, list) {
  const known = group.made ?? (group.made = new Map()), wanted = new Set();
  for (const { key, tag, text, ...attributes } of list) {
    wanted.add(key);
    let element = known.get(key);
    if (!element) {
      element = group.appendChild(document.createElementNS(SVG, tag));
      known.set(key, element);
    }
    for (const [name, value] of Object.entries(attributes)) {
      const said = typeof value === "number" ? String(Math.round(value * 100) / 100) : value;
      if (element.getAttribute(name) !== said) element.setAttribute(name, said);
    }
    if (text !== undefined && element.textContent !== text) element.textContent = text;
  }
  for (const [key, element] of known) {
    if (!wanted.has(key)) { element.remove(); known.delete(key); }
  }
}

// The groups of a picture, from back to front, made once; those of `inside` are cut off at the
// plot's area, which `windowed` sets.
function layersOf(svg, names, inside = []) {
  if (svg.groups) return svg.groups;
  const id = `${svg.id}-window`;
  svg.innerHTML = `<clipPath id="${id}"><rect/></clipPath>`;
  svg.groups = {};
  for (const name of names) {
    const group = svg.groups[name] = svg.appendChild(document.createElementNS(SVG, "g"));
    group.setAttribute("class", `layer-${name}`);
    if (inside.includes(name)) group.setAttribute("clip-path", `url(#${id})`);
  }
  return svg.groups;
}

function windowed(svg, { left, right, top, bottom, W, H }) {
  const area = { x: left, y: top, width: Math.max(0, W - left - right), height: Math.max(0, H - top - bottom) };
  for (const [name, v] of Object.entries(area)) svg.querySelector("clipPath rect").setAttribute(name, v);
}

// Round ticks up the side, but for those that the axis' name would cover.
const ticksBelowName = (frame, count) => roundTicks(...frame.yRange, count).filter((v) => frame.py(v) > frame.top + 8);

// What lies between two poses: numbers in between, anything else as it will be.
function between(a, b, t) {
  if (typeof a === "number" && typeof b === "number") return Number.isFinite(a + b) ? a + (b - a) * t : b;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length ? b.map((x, i) => between(a[i], x, t)) : b;
  if (a && b && typeof a === "object" && typeof b === "object" && !Array.isArray(a) && !Array.isArray(b)) {
    return Object.fromEntries(Object.entries(b).map(([name, x]) => [name, between(a[name], x, t)]));
  }
  return b;
}

const still = window.matchMedia("(prefers-reduced-motion: reduce)");
const eased = (t) => (t < 0.5 ? 4 * t * t * t : 1 - (2 - 2 * t) ** 3 / 2);

// Calls draw(0 … 1) for `ms`; a call with `stopped()` true ends early. One frame without motion.
function tween(ms, draw, stopped) {
  if (still.matches || ms <= 0) { draw(1); return Promise.resolve(); }
  return new Promise((done) => {
    const start = performance.now();
    const frame = () => {
      if (stopped()) return done();
      const t = Math.min(1, (performance.now() - start) / ms);
      draw(eased(t));
      if (t < 1) window.requestAnimationFrame(frame);
      else done();
    };
    frame();
  });
}
