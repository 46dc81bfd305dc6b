// Points of a picture that can be moved, by pointer or by arrow keys; all that depends on them follows.

// By part of the picture, what its points stand in: { frame, move(x, place), step, name }. `move` puts an
// input at a place across and says which of its numbers that changed; an arrow key moves it by `step`.
const planes = new Map();
let grasped = null; // the plane, while one of its points is held: it is drawn as it was

// The frame of a part: the same as long as one of its points is held.
const steady = (part, make) => (grasped?.part === part ? grasped.frame : make());

const hundredths = (v) => Math.round(v * 100) / 100 || 0;

// Along number c of an input, within [least, most].
const alongCoordinate = (c, name, [least, most] = [-Infinity, Infinity]) => ({
  name, step: most - least <= 1 ? 0.02 : 0.1, at: (x) => x[c],
  move(x, place) { x[c] = hundredths(Math.max(least, Math.min(most, place))); return [c]; },
});

// Along the angle of an input, in degrees; its length stays.
const alongAngle = (at, name) => ({
  name, step: 1, at,
  move(x, place) {
    const length = norm(x), turned = (Math.max(-180, Math.min(180, place)) * Math.PI) / 180;
    [x[0], x[1]] = [length * Math.cos(turned), length * Math.sin(turned)];
    return [0, 1];
  },
});

// What is taken hold of: example j, or the query, drawn at (left, top).
function grip(part, which, left, top) {
  const { name, at } = planes.get(part), asked = which === "query", x = asked ? app.data.queries[0] : app.data.X[which];
  const value = asked ? at(x) : app.data.y[which], said = `${name} ${show(at(x))}${asked ? "" : `, y ${show(value)}`}`;
  return svgDot(left, top, 13, "grip", `data-part="${part}" data-example="${which}" data-focus="grip${part}${which}" tabindex="0" role="slider"
    aria-roledescription="movable point" aria-label="${asked ? "the query" : `example ${which + 1}`}" aria-valuenow="${value}" aria-valuetext="${said}"`);
}

// The query is moved across alone: nobody knows its y.
function placeHeld({ part, example }, place, y) {
  const asked = example === "query", j = Number(example), x = asked ? app.data.queries[0] : app.data.X[j];
  const changed = planes.get(Number(part)).move(x, place).map((i) => (asked ? `queries.0.${i}` : `X.${j}.${i}`));
  if (!asked) { app.data.y[j] = hundredths(y); changed.push(`y.${j}`); }
  pointMoved(changed);
}

function moveHeld(event) {
  const { dataset } = event.target, { step, at } = planes.get(Number(dataset.part)), asked = dataset.example === "query", by = event.shiftKey ? 5 : 1;
  const [across, up] = { ArrowRight: [by, 0], ArrowLeft: [-by, 0], ArrowUp: [0, by], ArrowDown: [0, -by] }[event.key] ?? [];
  if (across === undefined) return;
  event.preventDefault();
  const x = asked ? app.data.queries[0] : app.data.X[Number(dataset.example)];
  placeHeld(dataset, at(x) + across * step, asked ? 0 : app.data.y[Number(dataset.example)] + 0.1 * up);
}

if (byId("picture")) movedByTouch(byId("picture"), "[data-example]");
document.addEventListener("pointerdown", (event) => {
  const point = event.target.closest("[data-example]");
  if (!point) return;
  event.preventDefault();
  stopPlaying();
  const { dataset } = point, part = Number(dataset.part), held = { part: dataset.part, example: dataset.example };
  grasped = { part, ...planes.get(part) };
  point.focus({ preventScroll: true });
  const svg = point.ownerSVGElement, { frame } = grasped;
  followPointer((at) => placeHeld(held, ...underPointer(svg, frame, at)), () => { grasped = null; renderPicture(); remember(true); });
});
