// What is wider than its place scrolls, by keys too: it can be reached where nothing in it can.

(function () {
  "use strict";
  const PARTS = ".scroll, .formula, pre, dd";
  function reach() {
    for (const part of document.querySelectorAll(PARTS)) {
      if (part.closest("#lab")) continue; // its cells are reached
      const wide = part.scrollWidth > part.clientWidth && /auto|scroll/.test(getComputedStyle(part).overflowX);
      if (wide && !part.querySelector("a, button, input, [tabindex='0']")) part.tabIndex = 0;
      else if (!wide && part.tabIndex === 0) part.removeAttribute("tabindex");
    }
  }
  window.addEventListener("load", reach);
  window.addEventListener("resize", reach);
}());
