// Two candidates fitted side by side: their lines, their errors on the examples held out, the winner.

const CANDIDATES = ["rA", "rB"];

// Whether the stream has the held-out errors yet, by layer k; and their difference, once it is there.
function comparedBy(model, k) {
  const { tokens, steps } = model.result, written = (slot) => steps[k].after[slot].v.some((v) => v !== 0);
  return { errors: written("vA") || written("vB"), difference: written("D") ? steps[k].after.D.get(tokens.queries[0], 0) : null };
}

// The weights of a candidate after layer k, and its residuals at the examples that are held out.
function candidate(model, slot, k) {
  const { tokens, steps } = model.result, fitted = app.data.X.length - Number(app.given.validation);
  const w = slotAt(runsAtUnits(model), slot, k).map((row_) => -row_[0]);
  const misses = tokens.y.slice(fitted).map((t) => steps[k].after[slot].get(t, 0));
  return { w, misses, loss: misses.reduce((total, r) => total + r * r, 0), fitted };
}

// Which candidate the stream has chosen by layer k: null before the weight of the first is written.
function winnerOf(model, k) {
  const { witness, result } = model, last = witness.layers.length;
  if (k < last) return null;
  return result.steps[k].after.A.get(result.tokens.queries[0], 0) > 0.5 ? 0 : 1;
}

function candidateLines(model, k, size) {
  const [a, b] = CANDIDATES.map((slot) => candidate(model, slot, k)), won = winnerOf(model, k);
  const { now, before } = fittedExamples(model, k, a.fitted);
  const kinds = ["first", "second"].map((kind, i) => `${kind} ${won === null ? "" : won === i ? "chosen" : "lost"}`);
  const state = (j) => (j >= a.fitted ? "held" : now === j ? "reading" : j < before ? "read" : "later");
  return ["Two fits; the squares are the examples held out", dataPlane(0, size, [{ w: a.w, kind: kinds[0] }, { w: b.w, kind: kinds[1] }], state, { answer: won === null ? null : [a, b][won].w }),
    `the first predictor is ${vectorText(a.w)}, the second ${vectorText(b.w)}`];
}

// The example that layer k is about, and how many are read before it: two layers each.
function fittedExamples(model, k, fitted) {
  const step = Math.ceil(k / 2);
  return k === 0 ? { now: -1, before: 0 } : step > fitted ? { now: -1, before: fitted } : { now: step - 1, before: step - 1 };
}

function heldOutErrors(model, k, size) {
  const both = CANDIDATES.map((slot) => candidate(model, slot, k)), won = winnerOf(model, k), { ridges } = app.given, { errors, difference } = comparedBy(model, k);
  const high = largestOf(both.map(({ loss }) => loss), 1e-3) * 1.2;
  const frame = plotFrame({ ...size, left: 42, bottom: 44, top: 22, x: [-0.6, 1.6], y: [0, high] });
  const bars = both.map(({ loss }, i) => {
    const kind = `${i ? "second" : "first"}-bar ${!errors ? "ahead-bar" : won === null ? "" : won === i ? "won" : "lost"}`;
    const said = won === null ? "" : won === i ? "chosen: weight 1" : "left: weight 0";
    return uprightBar(frame, i, 0, loss, Math.min(110, size.W / 4).toFixed(0), kind, `data-loss="${loss}"`)
      + svgText(frame.px(i), frame.py(loss) - 6, show(loss), { kind: "strong", anchor: "middle" })
      + svgText(frame.px(i), size.H - 26, `λ = ${show(Number(ridges[i].includes?.("/") ? ridges[i].split("/")[0] / ridges[i].split("/")[1] : ridges[i]))}`, { kind: `strong ${i ? "second-ink" : "first-ink"}`, anchor: "middle" })
      + svgText(frame.px(i), size.H - 9, said, { kind: won === i ? "strong" : "", anchor: "middle" });
  }).join("");
  const title = !errors ? "Held-out squared error, not in the stream yet"
    : difference === null ? "Held-out squared error" : `Squared errors; their difference is ${show(difference)}`;
  return [title, `${axes(frame, { xTicks: [] })}${bars}`, `held-out errors ${both.map(({ loss }) => show(loss)).join(" and ")}${won === null ? "" : `; the ${won ? "second" : "first"} is chosen`}`];
}

PICTURES.selection = { parts: [1.3, 1], draw: (model, k, sizes) => [candidateLines(model, k, sizes[0]), heldOutErrors(model, k, sizes[1])] };
