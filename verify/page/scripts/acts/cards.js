// The cards: which one is read, what each has to try, keys and pointers; starts the page.

const cardOf = (number) => byId(`card-${number}`);
const LAST_CARD = ACTS.length;

// Turns the figure to a card.
function turnTo(number) {
  const before = act();
  if (number === story.card && story.pose) return;
  story.card = number;
  story.playing = false;
  document.body.dataset.card = number;
  for (let i = 1; i <= LAST_CARD; i++) {
    cardOf(i).classList.toggle("reading", i === number);
    const link = document.querySelector(`.card-links a[href="#card-${i}"]`);
    if (i === number) link.setAttribute("aria-current", "step"); else link.removeAttribute("aria-current");
  }
  byId("figure").dataset.focus = act().focus;
  if (act().scene !== before.scene || !story.pose) story.layer = act().scene === "newton" ? 1 : 0;
  if (number <= 4) story.layer = Math.min(story.layer, number === 4 ? story.layer : 0);
  if (act().scene === "race") story.layer = STORY.deepest;
  if (act().scene === "printed" && before.scene !== "printed") story.layer = Infinity; // where the sign has done its worst
  reveal(act().show);
  recomputed(story.pose ? MOVE + 150 : 0);
}

// New numbers after a change; without motion while something is dragged.
function recomputed(ms) {
  try {
    recompute();
    byId("trouble").textContent = "";
  } catch (error) {
    byId("trouble").textContent = `This cannot be run: ${error.message}`;
    return;
  }
  settle(ms);
}

function goTo(number, focus) {
  const card = cardOf(Math.max(1, Math.min(LAST_CARD, number)));
  if (PRESENTED) turnTo(Number(card.id.slice(5))); // before, it is not there to be scrolled to
  card.scrollIntoView({ behavior: still.matches || PRESENTED ? "auto" : "smooth", block: "start" });
  shrink();
  turnTo(Number(card.id.slice(5)));
  story.aimed = Date.now() + (still.matches ? 100 : 900); // while it scrolls there, others on the way do not count
  if (focus) card.focus({ preventScroll: true });
  window.history.replaceState(null, "", `#${card.id}`);
}

// To the next card or the one before; to the card itself while it is still below the figure.
function turnBy(by, focus) {
  const below = by > 0 && byId(`title-${story.card}`).getBoundingClientRect().top > window.innerHeight;
  goTo(story.card + (below ? 0 : by), focus);
}

// -- what cards have to try -----------------------------------------------------------------------

function sayCard() {
  const { shape, scene: made } = story;
  if (act().scene === "descent") {
    const rate = made.parameters.step_size, limit = 1 / shape.top;
    byId("rate").value = rate / limit;
    byId("rate").setAttribute("aria-valuetext", `step size ${show(rate)}, ${show(rate / limit)} of the largest that does not run away`);
    byId("rate-text").textContent = `η = ${show(rate)}, ${rate >= limit ? "too large: it runs away" : `${show(rate / limit, 2)} of the largest that does not run away, ${show(limit)}`}`;
    for (const place of document.querySelectorAll("[data-twice-rate]")) place.textContent = show(2 * rate);
  }
  if (act().scene === "race") sayRace();
  if (act().scene === "newton") sayNewton();
  if (act().scene === "printed") sayPrinted();
}

function sayRace() {
  const { condition, top, bottom } = story.shape;
  byId("condition").value = Math.log10(condition);
  byId("condition").setAttribute("aria-valuetext", `condition number ${show(condition)}`);
  byId("condition-text").textContent = `κ = λ₁/λ₂ = ${show(top)} / ${show(bottom)} = ${show(condition)}`;
  fill(byId("racers"), Object.keys(RACERS).map((name) => {
    const { label, rule } = RACERS[name], { reached, errors } = story.race[name], left = errors[errors.length - 1];
    const needed = reached >= 0 ? `<b>${reached}</b>` : name === "gradient_descent" ? `<b id="further">…</b>` : `<b>> ${errors.length - 1}</b>`;
    return `<tr><td><label><input type="radio" name="racer" value="${name}" data-focus="${name}"${name === story.racer ? " checked" : ""}>
      <svg class="sample" viewBox="0 0 24 8" aria-hidden="true"><path class="racer ${name}" d="M0 4H24"/></svg>${label}</label><small>${rule}</small></td>
      <td>${needed}</td><td>${show(left, 2)}</td></tr>`;
  }).join(""));
  clearTimeout(story.later);
  const made = story.race.gradient_descent;
  if (made.reached < 0) {
    story.later = setTimeout(() => {
      story.further = followOn(made, story.data);
      const place = byId("further");
      if (place) place.textContent = story.further === null ? `> ${FURTHEST}` : String(story.further);
    }, still.matches ? 0 : 700);
  }
}

function sayNewton() {
  const { guesses } = story.scene, M = guesses[story.layer], SM = product(story.shape.S, M);
  const cells = (m) => [0, 1].map((i) => `<tr>${[0, 1].map((j) => `<td>${show(m.get(i, j), 3)}</td>`).join("")}</tr>`).join("");
  byId("inverse").innerHTML = `<div><span class="matrix-name">M =</span><table class="matrix"><tbody>${cells(M)}</tbody></table></div>
    <div><span class="matrix-name">S M =</span><table class="matrix"><tbody>${cells(SM)}</tbody></table></div>`;
}

function sayPrinted() {
  const { asked, right, count } = story.scene, { flipped, layer } = story;
  for (const button of document.querySelectorAll("[data-flip]")) {
    const { flip } = button.dataset, minus = flipped.has(flip);
    button.setAttribute("aria-pressed", minus);
    button.innerHTML = `${minus ? "−" : ""}${flip[0]}<sub>${flip[1]}</sub>`;
  }
  const gap = Math.max(...asked.map((v, k) => Math.abs(v - right[k]))), mended = gap < 1e-6;
  const verdict = byId("verdict");
  verdict.className = mended ? "mended" : "broken";
  verdict.textContent = mended
    ? `Mended. After ${count} iterations it answers ${show(asked[count])}, as Newton’s iteration does.`
    : `After ${layer} iterations it answers ${show(asked[layer])}; Newton’s iteration answers ${show(right[layer])}.`;
}

// -- events ---------------------------------------------------------------------------------------

const rounded_ = (v) => Math.round(v * 100) / 100 || 0;

function placePoint(which, x, y) {
  const { base, stretch } = story, keep = (v) => rounded_(Math.max(-4, Math.min(4, v / stretch)));
  if (which === "query") base.query = keep(x);
  else { base.x[which] = keep(x); base.y[which] = rounded_(Math.max(-6, Math.min(6, y))); }
  recomputed(0);
}

function movePoint(event) {
  const { point } = event.target.dataset, which = point === "query" ? point : Number(point), by = event.shiftKey ? 0.5 : 0.1;
  const [dx, dy] = { ArrowRight: [by, 0], ArrowLeft: [-by, 0], ArrowUp: [0, by], ArrowDown: [0, -by] }[event.key] ?? [];
  if (dx === undefined) return;
  event.preventDefault();
  const { x, y, query } = story.base;
  placePoint(which, (which === "query" ? query + dx : x[which] + dx) * story.stretch, which === "query" ? 0 : y[which] + dy);
}

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const { target, key } = event;
  if (target.dataset?.point !== undefined) { movePoint(event); return; }
  if (target.closest("input, select, textarea")) return;
  if (PRESENTED && turnSlide(event)) return;
  const by = { ArrowRight: 1, ArrowLeft: -1 }[key];
  if (!by) return;
  event.preventDefault();
  turnBy(by, true);
});

// Keys of slides, those of a remote control among them. True if the key was one.
function turnSlide(event) {
  const { key, target } = event, card = { PageDown: story.card + 1, PageUp: story.card - 1, Home: 1, End: LAST_CARD }[key];
  const by = { ArrowDown: 1, ArrowUp: -1 }[key], plays = key === " " && !target.closest("button");
  if (card === undefined && by === undefined && !plays) return false;
  event.preventDefault();
  if (card !== undefined) goTo(card, true);
  else if (plays) play();
  else { story.playing = false; step(by); }
  return true;
}

movedByTouch(byId("points"), "[data-point]");
byId("points").addEventListener("pointerdown", (event) => {
  const point = event.target.closest("[data-point]");
  if (!point) return;
  event.preventDefault();
  point.focus({ preventScroll: true });
  const which = point.dataset.point === "query" ? "query" : Number(point.dataset.point), svg = byId("points");
  story.held = rangesOf();
  const frame = plotFrame({ ...story.sizes.points, left: 34, right: 16, top: 14, bottom: 28, x: story.held.xr, y: story.held.yr });
  const move = (at) => {
    const box = svg.getBoundingClientRect(), unit = story.sizes.points.W / box.width;
    placePoint(which, frame.x((at.clientX - box.left) * unit), frame.y((at.clientY - box.top) * unit));
  };
  followPointer(move, () => { story.held = null; settle(TURN); });
});

const exampleAt = (target) => { const at = target.closest?.("[data-j]"); return at ? Number(at.dataset.j) : null; };
byId("figure").addEventListener("pointerover", (event) => light(exampleAt(event.target)));
byId("figure").addEventListener("pointerleave", () => light(null));
byId("figure").addEventListener("focusin", (event) => light(exampleAt(event.target)));
byId("figure").addEventListener("focusout", () => light(null));

document.addEventListener("click", (event) => {
  const at = event.target.closest("[data-do],[data-flip],.card-links a,[data-card]");
  if (!at) return;
  const { dataset } = at;
  if (at.matches(".card-links a")) { event.preventDefault(); goTo(Number(at.hash.slice(6)), true); }
  else if (dataset.card) turnBy(Number(dataset.card), false);
  else if (dataset.flip) {
    if (story.flipped.has(dataset.flip)) story.flipped.delete(dataset.flip); else story.flipped.add(dataset.flip);
    recomputed(MOVE);
  } else if (dataset.do === "play") play();
  else if (dataset.do === "step") { story.playing = false; step(1); }
  else if (dataset.do === "back") { story.playing = false; step(-1); }
});

document.addEventListener("input", (event) => {
  const { id, value, name } = event.target;
  story.playing = story.playing && id !== "layer-slider";
  if (id === "layer-slider") { story.layer = Number(value); settle(0); }
  else if (id === "rate") { story.share = Number(value); recomputed(0); }
  else if (id === "condition") { story.condition = 10 ** Number(value); recomputed(0); }
  else if (name === "racer") { story.racer = value; recomputed(MOVE); }
});

// The card nearest to the middle of what is free of the figure.
function read() {
  if (PRESENTED || Date.now() < (story.aimed ?? 0)) return; // one card is a slide: keys turn it
  const figure = byId("figure").getBoundingClientRect(), narrow = window.innerWidth < 900;
  const middle = narrow ? Math.min(window.innerHeight - 80, figure.bottom + 140) : window.innerHeight * 0.45;
  const found = Array.from({ length: LAST_CARD }, (_, i) => cardOf(i + 1).getBoundingClientRect())
    .findIndex((box) => box.bottom > middle);
  turnTo(found < 0 ? LAST_CARD : found + 1);
}

// On a narrow screen the figure shrinks to the card's own picture once it has been scrolled past.
function shrink() {
  const space = byId("figure-space"), narrow = window.innerWidth < 900;
  const share = byId("figure").dataset.focus === "points bars" ? 0.56 : 0.46; // two pictures, or one
  const small = narrow && space.getBoundingClientRect().bottom < window.innerHeight * share + 24;
  if (document.body.classList.toggle("small", small) !== story.small) {
    story.small = small;
    measure();
    if (story.pose) settle(0);
  }
}

window.addEventListener("scroll", () => { shrink(); read(); }, { passive: true });
new ResizeObserver(() => { shrink(); measure(); if (story.pose) settle(0); }).observe(byId("figure"));
still.addEventListener?.("change", () => settle(0));

byId("figure").hidden = false;
measure();
const asked_ = /^#card-(\d)$/.exec(window.location.hash);
turnTo(asked_ ? Math.max(1, Math.min(LAST_CARD, Number(asked_[1]))) : 1);
window.page = { story, step, play, turnTo, goTo, recomputed, show };
