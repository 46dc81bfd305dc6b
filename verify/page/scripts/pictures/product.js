// A product from curvature: GeLU(z) + GeLU(−z) is nearly a parabola, and the difference of two of its
// heights is a product. What is missing of the true one stands beside it.

const evenPart = (z) => z * erf(z / Math.SQRT2);
const parabola = (z) => Math.sqrt(2 / Math.PI) * z * z;

// The arguments of GeLU that the hidden units take at the query, with the weight of each.
function unitsOf(model) {
  const { result, witness } = model, t = result.tokens.queries[0], { inner } = result.steps[1].mlp;
  return witness.layers[0].mlp.outer.flatMap((block) => Array.from({ length: inner[block.from].c }, (_, i) => ({ name: block.from, z: inner[block.from].get(t, i), weight: block.value })));
}

function curvature(model, k, size) {
  const units = unitsOf(model).filter(({ z }) => z >= 0 || !unitsOf(model).some((other) => Math.abs(other.z + z) < 1e-12));
  const reach = Math.max(1.25 * largestOf(units.map(({ z }) => z), 0.05), 0.1), xs = Array.from({ length: 81 }, (_, i) => -reach + (2 * reach * i) / 80);
  const frame = plotFrame({ ...size, left: 48, bottom: 28, top: 16, x: [-reach, reach], y: [-0.04 * parabola(reach), 1.04 * parabola(reach)] });
  const line = (f, kind) => linePath(frame, xs.map((z) => [z, f(z)]), kind);
  const places = unitsOf(model).filter(({ z }, i, all) => all.findIndex((other) => Math.abs(other.z - z) < 1e-12 && Math.sign(other.weight) === Math.sign(units[0].weight)) !== -2);
  const dots = places.map(({ z, weight }) => svgDot(frame.px(z), frame.py(evenPart(z)), 5.5, weight > 0 ? "plus-unit" : "minus-unit")
    + svgLine(frame.px(z), frame.py(evenPart(z)), frame.px(z), frame.py(0), `drop ${weight > 0 ? "plus-drop" : "minus-drop"}`)).join("");
  return [`<span class="written">GeLU(z) + GeLU(−z)</span>, and its parabola, dashed`,
    `${axes(frame, { xName: "z", count: 4 })}${inFrame(0, frame, line(parabola, "parabola") + line(evenPart, "even") + (k ? dots : ""))}`,
    `the hidden units read GeLU at ${places.map(({ z }) => show(z)).join(", ")}`];
}

// The MLP's answer and its error where the first factor is stretched and the others stay.
function productErrors(model, k, size) {
  const [q] = app.data.queries, half = app.d / 2, reach = Math.max(2, 2 * Math.abs(q[0]));
  const made = kept(`picture product ${app.side}`, () => {
    const us = Array.from({ length: 61 }, (_, i) => -reach + (2 * reach * i) / 60), queries = us.map((u) => [u, ...q.slice(1)]);
    const answers = runsAt(model, queries).flatMap((one) => lens(one, model.witness.layers.length, "slot"));
    return us.map((u, i) => ({ u, made: answers[i], truth: dot(queries[i].slice(0, half), queries[i].slice(half)) }));
  });
  const truth = dot(q.slice(0, half), q.slice(half)), answer = lens(model.result, k, "slot")[0];
  const all = made.flatMap((one) => [one.made, one.truth]), y = [Math.min(...all) - 0.1, Math.max(...all) + 0.1];
  const frame = steady(1, () => plotFrame({ ...size, left: 42, bottom: 28, top: 16, x: [-reach, reach], y }));
  planes.set(1, { frame, ...alongCoordinate(0, "first factor") });
  const line = (of, kind) => linePath(frame, made.map((one) => [one.u, of(one)]), kind);
  const miss = svgText(size.W - 14, size.H - frame.bottom - 12, k ? `off by ${show(Math.abs(answer - truth), 2)} of ${show(truth)}` : `the true product is ${show(truth)}`, { kind: "strong", anchor: "end" });
  const asked = svgLine(frame.px(q[0]), frame.top, frame.px(q[0]), size.H - frame.bottom, "asked-line");
  const dot_ = svgDot(frame.px(q[0]), frame.py(answer), 6, "dot now", `data-made="${answer}" data-truth="${truth}"`);
  return ["<span class='written'>The MLP’s product</span>, and the true one (dashed)",
    `${axes(frame, { xName: "first factor u", yName: "product" })}${inFrame(1, frame, (k ? line((one) => one.made, "fit now") : "") + line((one) => one.truth, "fit goal-fit") + asked + dot_)}${miss}${grip(1, "query", frame.px(q[0]), frame.py(answer))}`,
    `the layer gives ${show(answer, 6)}, the true product is ${show(truth, 6)}`];
}

PICTURES.product = { parts: [1, 1], draw: (model, k, sizes) => [curvature(model, k, sizes[0]), productErrors(model, k, sizes[1])] };
