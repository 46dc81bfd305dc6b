// Small helpers: elements, numbers as text, colours.

const byId = (id) => document.getElementById(id);

// How a page is shown: as slides (?present), as a part of another page (?embed), or whole.
const ASKED = new URLSearchParams(window.location.search);
const EMBEDDED = ASKED.has("embed"), PRESENTED = !EMBEDDED && ASKED.has("present");
document.documentElement.classList.toggle("embed", EMBEDDED);
document.documentElement.classList.toggle("present", PRESENTED);

const escapeText = (text) =>
  String(text).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);

// Makes what is inside what the HTML says, and touches only what differs: the rest is not laid out
// again, stays scrolled, and keeps the focus. What had it gets it back (by its data-focus). An
// element that is `data-apart`, under the same name as before, is left as it is: others fill it.
const filled = new WeakMap();
function fill(element, html) {
  const focused = element.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  if (filled.get(element) !== html) {
    const made = document.createElement("template");
    made.innerHTML = html;
    adapt(element, made.content);
    filled.set(element, html);
  }
  for (const part of element.querySelectorAll("input, option")) asWritten(part);
  if (focused === undefined || document.activeElement?.dataset.focus === focused) return;
  const again = [...element.querySelectorAll("[data-focus]")].find((e) => e.dataset.focus === focused);
  if (again) again.focus({ preventScroll: true });
}

const ADDED = ".files, .arcs"; // put beside what is drawn, and no part of it

function adapt(now, next) {
  const old = [...now.childNodes].filter((node) => !(node.matches && node.matches(ADDED))), made = [...next.childNodes];
  made.forEach((node, i) => {
    const there = old[i];
    if (!there) now.append(node);
    else if (there.nodeName !== node.nodeName || ["focus", "apart"].some((key) => there.dataset?.[key] !== node.dataset?.[key])) there.replaceWith(node);
    else if (there.dataset?.apart !== undefined || there.isEqualNode(node)) return;
    else if (node.nodeType === Node.TEXT_NODE) there.data = node.data;
    else {
      for (const { name } of [...there.attributes]) if (!node.hasAttribute(name)) there.removeAttribute(name);
      for (const { name, value } of node.attributes) if (there.getAttribute(name) !== value) there.setAttribute(name, value);
      adapt(there, node);
    }
  });
  for (const node of old.slice(made.length)) node.remove();
}

// A field shows what is written for it; a slider that is held stays where it is.
function asWritten(part) {
  if (part.localName === "option") { if (part.selected !== part.defaultSelected) part.selected = part.defaultSelected; }
  else if (part.type === "checkbox") part.checked = part.defaultChecked;
  else if (part.type !== "file" && !(part.type === "range" && part === document.activeElement) && part.value !== part.defaultValue) part.value = part.defaultValue;
}

// A finger on one of these parts moves the part, not the page. (Browsers do not hear what
// touch-action says of a part of a drawing.)
const movedByTouch = (element, parts) => element.addEventListener("touchstart", (event) => {
  if (event.target.closest(parts)) event.preventDefault();
}, { passive: false });

// Until the pointer is let go, or taken away by the browser.
function followPointer(move, done) {
  const end = () => {
    window.removeEventListener("pointermove", move);
    for (const kind of ["pointerup", "pointercancel"]) window.removeEventListener(kind, end);
    done();
  };
  window.addEventListener("pointermove", move);
  for (const kind of ["pointerup", "pointercancel"]) window.addEventListener(kind, end);
}

function show(x, digits) {
  if (Number.isNaN(x)) return "undefined";
  if (!Number.isFinite(x)) return x < 0 ? "−∞" : "∞";
  if (x === 0) return "0";
  const size = Math.abs(x);
  const text = size >= 1e-3 && size < 1e4
    ? String(Number(x.toPrecision(digits ?? 3))) : x.toExponential((digits ?? 3) - 2);
  return text.replace("e+", "e").replace(/-/g, "−");
}

// The class of a cell's colour: zero's at 0, brown below, teal above, deeper with the size, in steps
// that no eye tells apart. What these are is said by the style sheet, for day and night.
const TONES = 32;
function toneOf(value, scale_) {
  if (!Number.isFinite(value)) return "tone-none";
  const step = scale_ ? Math.round(TONES * Math.min(1, Math.abs(value) / scale_) ** 0.5) : 0;
  return `tone${value < 0 ? -step : step}`;
}

// A word of the glossary as a button that shows its line; `kind` are further classes.
const term = (name, text = name, kind = "") => `<button type="button" class="term ${kind}" data-says="${escapeText(glossary.line(name))}" data-focus="term ${name}">${text}</button>`;

const word = (count, one, many) => `${count} ${count === 1 ? one : many ?? one + "s"}`;

function tokenName(tokens, t) {
  const at = tokens.x.indexOf(t), answered = tokens.y.indexOf(t), asked = tokens.queries.indexOf(t);
  if (asked >= 0) return tokens.queries.length > 1 ? `query ${asked + 1}` : "query";
  if (at >= 0 && answered >= 0) return `ex. ${at + 1}`;
  if (at >= 0) return `x<sub>${at + 1}</sub>`;
  if (answered >= 0) return `y<sub>${answered + 1}</sub>`;
  return "register";
}

// The same where no markup may stand: titles, names for screen readers.
const plainName = (tokens, t) => tokenName(tokens, t).replace("ex. ", "example ").replace(/<sub>(\d+)<\/sub>/, (_, digits) => below(digits));
const below = (index) => String(index).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]);

// Slots, parts and heads as people read them: entries and tokens are counted from 1, products have a
// dot, letters are letters.
const counted = (text) => String(text).replace(/\[(\d+)\]/g, (_, i) => `[${Number(i) + 1}]`)
  .replace(/\btoken (\d+)/g, (_, t) => `token ${Number(t) + 1}`).replace(/\*/g, "·").replace(/\balpha\b/g, "α").replace(/\^T\b/g, "ᵀ")
  .replace(/\bphi(?![a-z])/g, "φ").replace(/(?<=[a-zφ])_next\b/g, "′").replace(/(?<=[a-zφ])_(?=[a-z])/g, " ");

// "ex. 1", "ex. 2", "ex. 3", "query" as "ex. 1–3, query".
function ranges(names) {
  const made = [];
  for (const name of names) {
    const now = /^(.*\D)(\d+)$/.exec(name), last = made[made.length - 1];
    if (now && last && last.kind === now[1] && last.to + 1 === Number(now[2])) last.to += 1;
    else made.push(now ? { kind: now[1], from: Number(now[2]), to: Number(now[2]) } : { text: name });
  }
  return made.map(({ text, kind, from, to }) => text ?? `${kind}${from}${to > from ? `–${to}` : ""}`).join(", ");
}

function entryName(shape, i) {
  if (shape.length === 0) return "";
  if (shape.length === 1) return shape[0] === 1 ? "" : `[${i + 1}]`;
  return `[${Math.floor(i / shape[1]) + 1},${(i % shape[1]) + 1}]`;
}

// The same without markup.
const plainTitle = (name) => titled(name).replace(/<sub>(\w+)<\/sub>/g, (_, index) => below(index)).replace(/<[^>]*>/g, "");

// A layer's name: in words where the lesson has some; M_2 is M with index 2, and of an operation of
// a paper's language its word.
const OPERATIONS = { mov: "move", mul: "multiply", div: "divide", aff: "add" };
const NUMBERED = /^layer[ _]?\d*$/i; // a name that says no more than the number of the layer
function titled(whole) {
  if (NUMBERED.test(whole)) return "";
  const name = whole.replace(/^\d+: /, ""), kind = name.split("(")[0], { names } = DATA.lesson;
  const said = names[name] ?? names[kind] ?? (name.endsWith(")") ? OPERATIONS[kind] : null) ?? name;
  return escapeText(said).replace(/\b([A-Za-z])_(\w+)/g, "<i>$1</i><sub>$2</sub>");
}
