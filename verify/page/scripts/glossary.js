// What the words of a page mean. Each is marked at its first use in every section; its line is shown
// on hover, focus or a click, until Escape, or until pointer and focus are elsewhere. The pointer may
// move onto the line.

window.glossary = (function () {
  "use strict";
  const terms = JSON.parse(document.getElementById("glossary").textContent);
  const lines = new Map(terms.flatMap(([line, ...forms]) => forms.map((form) => [form, line])));
  const longest = [...lines.keys()].sort((a, b) => b.length - a.length)
    .map((form) => form.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/ /g, "\\s+"));
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}_−-])(?:${longest.join("|")})(?![\\p{L}\\p{N}_−-])`, "giu");
  const lineOf = (word) => lines.get(word.toLowerCase().replace(/\s+/g, " "));
  // headings, links, controls, formulas, code, heads of tables; the instrument marks its own
  const UNMARKED = `a, button, code, dt, h1, h2, h3, h4, math, nav, noscript, option, output, pre,
    script, select, style, summary, svg, textarea, th, .role, .swatch, .term, .glossary, .unglossed`;

  // A button; in a label, where a button would be what the label names, a span that takes the focus.
  function element(word, line, label) {
    const made = document.createElement(label ? "span" : "button");
    Object.assign(made, label ? { tabIndex: 0 } : { type: "button" }, { className: "term", textContent: word });
    made.dataset.says = line;
    return made;
  }

  // A line may be broken on either side of a button: not between a word and its comma or bracket.
  function together(...parts) {
    const made = document.createElement("span");
    made.className = "unbroken";
    made.append(...parts);
    return made;
  }

  // Marks words within an element: each once, on a page once in every outermost section.
  function mark(root) {
    const inside = root.closest("#lab"), seen = new Map(), found = [];
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const at = node.parentElement;
      if (node.data.trim() && !at.closest(UNMARKED) && (inside || !at.closest("#lab"))) found.push(node);
    }
    for (const node of found) {
      let section = root;
      for (let e = node.parentElement; e && e !== root; e = e.parentElement) if (e.localName === "section") section = e;
      if (!seen.has(section)) seen.set(section, new Set([...section.querySelectorAll(".term")].map((e) => e.dataset.says)));
      const parts = [], said = seen.get(section);
      let end = 0;
      for (const { 0: word, index } of node.data.matchAll(pattern)) {
        const line = lineOf(word);
        if (said.has(line)) continue;
        said.add(line);
        const before = node.data.slice(end, index), after = node.data.slice(index + word.length);
        const opened = /[(“‘"]*$/.exec(before)[0], closed = /^[,.;:!?)”’"…]*/.exec(after)[0];
        const made = element(word, line, node.parentElement.closest("label"));
        parts.push(before.slice(0, before.length - opened.length), opened || closed ? together(opened, made, closed) : made);
        end = index + word.length + closed.length;
      }
      if (!parts.length) continue;
      const whole = document.createElement("span"); // one piece of a label or a grid, as the text was
      whole.append(...parts, node.data.slice(end));
      node.replaceWith(whole);
    }
  }

  // -- showing a line ---------------------------------------------------------------------------

  const tip = document.createElement("div");
  Object.assign(tip, { id: "term-tip", className: "tip", hidden: true });
  tip.setAttribute("role", "tooltip");
  let word = null, waiting = 0;

  function place() {
    if (!word || !word.isConnected) return close();
    const at = word.getBoundingClientRect(), { offsetWidth: wide, offsetHeight: high } = tip, edge = document.documentElement.clientWidth;
    tip.style.left = `${Math.max(8, Math.min(at.left, edge - wide - 8))}px`;
    tip.style.top = `${at.bottom + 6 + high > window.innerHeight && at.top > high + 6 ? at.top - high - 6 : at.bottom + 6}px`;
  }

  function open(at) {
    clearTimeout(waiting);
    if (at === word) return;
    close();
    word = at;
    tip.textContent = at.dataset.says;
    tip.hidden = false;
    at.setAttribute("aria-describedby", tip.id);
    place();
  }

  function close() {
    clearTimeout(waiting);
    if (word) word.removeAttribute("aria-describedby");
    word = null;
    tip.hidden = true;
  }

  const wordAt = (event) => (event.target instanceof Element ? event.target.closest(".term") : null);
  document.addEventListener("pointerover", (event) => {
    if (event.target === tip) clearTimeout(waiting);
    else if (wordAt(event)) open(wordAt(event));
  });
  document.addEventListener("pointerout", (event) => {
    if (!word || (event.target !== tip && !wordAt(event)) || document.activeElement === word) return;
    clearTimeout(waiting);
    waiting = setTimeout(close, 200);
  });
  document.addEventListener("focusin", (event) => (wordAt(event) ? open(wordAt(event)) : close()));
  document.addEventListener("focusout", (event) => { if (wordAt(event)) close(); });
  document.addEventListener("click", (event) => (wordAt(event) ? open(wordAt(event)) : event.target !== tip && close()));
  document.addEventListener("keydown", (event) => {
    if (!word) return;
    if (event.key === "Escape") { close(); event.stopPropagation(); }
    else requestAnimationFrame(place); // the key may have moved or removed the word
  }, true);
  document.addEventListener("scroll", place, { capture: true, passive: true });
  document.addEventListener("DOMContentLoaded", () => {
    document.body.append(tip);
    mark(document.body);
  });
  return { line: lineOf, mark };
}());
