// What a marked word means, in one line: shown on hover, focus or a click, until Escape or until
// pointer and focus are elsewhere. The pointer may move onto the line.

(function () {
  const tip = document.createElement("div");
  Object.assign(tip, { id: "term-tip", className: "tip", hidden: true });
  tip.setAttribute("role", "tooltip");
  document.body.append(tip);
  document.documentElement.dataset.tips = "on"; // the style sheet's own way is for pages without scripts
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
}());
