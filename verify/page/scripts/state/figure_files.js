// Every figure as a file: SVG with its styles inside, or PNG.

const DRAWN_STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-opacity",
  "opacity", "font-family", "font-size", "font-weight", "font-style", "text-anchor", "dominant-baseline"];
const FIGURES = "main svg[viewBox]:not([aria-hidden=true]), main .board, main figure.head .scroll";
const seen_ = (style) => style.display !== "none" && style.visibility !== "hidden" && Number(style.opacity) > 0;
const clear = (colour_) => colour_ === "transparent" || /[,/]\s*0\)$/.test(colour_);

// A colour as every reader of SVG knows it: mixed colours come as color(srgb r g b).
function plainColour(text) {
  const found = /^color\(srgb ([\d.e-]+) ([\d.e-]+) ([\d.e-]+)(?: \/ ([\d.e-]+))?\)$/.exec(text);
  if (!found) return text;
  const [r, g, b] = found.slice(1, 4).map((part) => Math.round(255 * Number(part)));
  return found[4] === undefined ? `rgb(${r}, ${g}, ${b})` : `rgba(${r}, ${g}, ${b}, ${found[4]})`;
}

// The font of formulas, and the rule by which a file carries it.
const MATH_FONT = '"Witness Math"';
const mathFace = () => [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules])
  .find((rule) => rule instanceof CSSFontFaceRule && rule.style.getPropertyValue("font-family") === MATH_FONT).cssText;

// One letter of a formula as the slanted sign that a browser draws for it: [first, last, its sign].
const SLANTED = [["a", "z", 0x1d44e], ["A", "Z", 0x1d434], ["α", "ω", 0x1d6fc], ["Α", "Ω", 0x1d6e2]];
function slanted(letter) {
  if (letter === "h") return "ℎ"; // which had a sign before the others
  const found = SLANTED.find(([first, last]) => letter >= first && letter <= last);
  return found ? String.fromCodePoint(found[2] + letter.codePointAt(0) - found[0].codePointAt(0)) : letter;
}

// A drawing with what the style sheet says written into it.
function styled(svg) {
  const copy = svg.cloneNode(true), from = [svg, ...svg.querySelectorAll("*")], to = [copy, ...copy.querySelectorAll("*")];
  const hidden = [];
  from.forEach((element, i) => {
    const style = getComputedStyle(element);
    if (style.display === "none") { hidden.push(to[i]); return; }
    for (const name of DRAWN_STYLES) {
      const value = style.getPropertyValue(name);
      if (value) to[i].style.setProperty(name, plainColour(value));
    }
    for (const { name } of [...to[i].attributes]) if (/^(class|tabindex|role|aria-|data-)/.test(name)) to[i].removeAttribute(name);
  });
  hidden.forEach((element) => element.remove());
  return copy;
}

// What stands in an element, drawn: backgrounds, borders, words, drawings inside.
function drawnFrom(element) {
  const box = element.getBoundingClientRect(), left = box.left - element.scrollLeft, parts = [];
  const place = (r) => ({ x: r.left - left, y: r.top - box.top, w: r.width, h: r.height });
  const ruler = document.createElement("canvas").getContext("2d"), round = (v) => Number(v.toFixed(2));
  const bar = (x, y, w, h, colour_) => parts.push(`<rect x="${round(x)}" y="${round(y)}" width="${round(w)}" height="${round(h)}" fill="${colour_}"/>`);

  function boxOf(node, style) {
    const { x, y, w, h } = place(node.getBoundingClientRect());
    if (!clear(style.backgroundColor)) bar(x, y, w, h, plainColour(style.backgroundColor));
    const edges = { Top: [x, y, w, 0], Bottom: [x, y + h, w, 0], Left: [x, y, 0, h], Right: [x + w, y, 0, h] };
    for (const [edge, [ex, ey, ew, eh]] of Object.entries(edges)) {
      const wide = parseFloat(style[`border${edge}Width`]), colour_ = plainColour(style[`border${edge}Color`]);
      if (!wide || style[`border${edge}Style`] === "none" || clear(colour_)) continue;
      bar(edge === "Right" ? ex - wide : ex, edge === "Bottom" ? ey - wide : ey, ew || wide, eh || wide, colour_);
    }
    if (node.matches("td.changed")) parts.push(`<path d="M${round(x + w - 8)} ${round(y)}h8v8z" fill="${plainColour(/(rgba?|color)\([^)]*\)/.exec(style.backgroundImage)[0])}"/>`);
    if (style.outlineStyle === "solid" && node.matches("td.differs")) {
      parts.push(`<rect x="${round(x + 2)}" y="${round(y + 2)}" width="${round(w - 4)}" height="${round(h - 4)}" fill="none" stroke="${style.outlineColor}" stroke-width="${style.outlineWidth}"/>`);
    }
    if (node.localName === "mfrac" && node.children.length === 2) { // the bar of a fraction
      const [top, bottom] = [...node.children].map((child) => place(child.getBoundingClientRect()));
      bar(x, (top.y + top.h + bottom.y) / 2, w, 1, style.color);
    }
  }
  function wordsOf(node, style) {
    const letter = node.parentElement.localName === "mi" && node.data.trim().length === 1;
    const font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}, serif`;
    ruler.font = font;
    const { fontBoundingBoxAscent: up, fontBoundingBoxDescent: down } = ruler.measureText("x");
    for (const found of node.data.matchAll(/\S+/g)) {
      const range = document.createRange();
      range.setStart(node, found.index);
      range.setEnd(node, found.index + found[0].length);
      const { x, y, w, h } = place(range.getBoundingClientRect());
      if (!w) continue;
      parts.push(`<text x="${round(x)}" y="${round(y + (h - up - down) / 2 + up)}" textLength="${round(w)}" lengthAdjust="spacingAndGlyphs" fill="${style.color}" style="${escapeText(`font:${font}`)}">${escapeText(letter ? slanted(found[0]) : found[0])}</text>`);
    }
  }
  function walk(node) {
    if (node.nodeType === Node.TEXT_NODE) return wordsOf(node, getComputedStyle(node.parentElement));
    if (node.nodeType !== Node.ELEMENT_NODE) return undefined;
    const style = getComputedStyle(node);
    if (!seen_(style) || node.matches(".files, input, button, label.switch")) return undefined;
    if (node.localName === "svg") {
      const { x, y, w, h } = place(node.getBoundingClientRect()), copy = styled(node);
      for (const [name, value] of Object.entries({ x: round(x), y: round(y), width: round(w), height: round(h), overflow: "visible" })) copy.setAttribute(name, value);
      parts.push(new XMLSerializer().serializeToString(copy));
      return undefined;
    }
    boxOf(node, style);
    node.childNodes.forEach(walk);
    return undefined;
  }
  walk(element);
  return { parts: parts.join(""), w: Math.ceil(Math.max(box.width, element.scrollWidth)), h: Math.ceil(box.height) };
}

// The colour on which an element stands.
function groundOf(element) {
  for (let at = element; at; at = at.parentElement) {
    const { backgroundColor } = getComputedStyle(at);
    if (!clear(backgroundColor)) return plainColour(backgroundColor);
  }
  return "white";
}

// {text, w, h}: the figure as an SVG file that needs nothing else.
function figureSvg(figure) {
  const margin = 8, ground = groundOf(figure), title = `<title>${escapeText(`${DATA.title}: ${figureName(figure)}`)}</title>`;
  let inside, w, h;
  if (figure.localName === "svg") {
    const box = figure.getBoundingClientRect(), copy = styled(figure);
    [w, h] = [Math.round(box.width), Math.round(box.height)];
    for (const [name, value] of Object.entries({ x: margin, y: margin, width: w, height: h })) copy.setAttribute(name, value);
    inside = new XMLSerializer().serializeToString(copy);
  } else ({ parts: inside, w, h } = drawnFrom(figure));
  const [W, H] = [w + 2 * margin, h + 2 * margin];
  const moved = figure.localName === "svg" ? inside : `<g transform="translate(${margin} ${margin})">${inside}</g>`;
  const face = moved.includes(escapeText(MATH_FONT)) ? `<style>${mathFace()}</style>` : "";
  return { w: W, h: H, text: `<svg xmlns="http://www.w3.org/2000/svg" width="${W}" height="${H}" viewBox="0 0 ${W} ${H}">${title}${face}<rect width="${W}" height="${H}" fill="${ground}"/>${moved}</svg>` };
}

// A promise of a PNG, twice as fine as the screen shows it.
function figurePng(figure) {
  const { text, w, h } = figureSvg(figure), picture = new Image();
  return new Promise((done, failed) => {
    picture.onload = () => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [2 * w, 2 * h];
      canvas.getContext("2d").drawImage(picture, 0, 0, 2 * w, 2 * h);
      canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error("the picture is too large"))), "image/png");
    };
    picture.onerror = () => failed(new Error("the figure cannot be drawn"));
    picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  });
}

function figureName(figure) {
  const named = figure.getAttribute("aria-label") || figure.querySelector("[aria-label]")?.getAttribute("aria-label");
  return named || figure.closest("[aria-label]")?.getAttribute("aria-label") || "figure";
}

async function saveFigure(button) {
  const figure = button.closest(".files").nextElementSibling;
  const name = `${DATA.name}-${figureName(figure).split(",")[0]}`.toLowerCase().replace(/[^a-z0-9.]+/g, "-").replace(/^-|-$/g, "");
  const svg = button.dataset.file === "svg";
  button.closest("details").open = false;
  try {
    download(svg ? new Blob([figureSvg(figure).text], { type: "image/svg+xml" }) : await figurePng(figure), `${name}.${svg ? "svg" : "png"}`);
  } catch (error) {
    app.notices = [];
    say(`The figure could not be saved: ${error.message}.`);
    renderVerdict();
  }
}

// A small menu before every figure that has none yet.
function offerFigures() {
  for (const menu of document.querySelectorAll(".files")) {
    const figure = menu.nextElementSibling;
    if (!figure || !figure.matches(FIGURES)) menu.remove();
    else {
      const summary = menu.querySelector("summary"), said = `Save ${figureName(figure)} as a file`;
      if (summary.getAttribute("aria-label") !== said) summary.setAttribute("aria-label", said);
    }
  }
  for (const figure of document.querySelectorAll(FIGURES)) {
    if (figure.parentElement.closest(FIGURES) || figure.previousElementSibling?.matches(".files") || figure.clientWidth < 120) continue;
    const number_ = document.querySelectorAll(".files").length;
    figure.insertAdjacentHTML("beforebegin", `<div class="files"><details><summary data-focus="files${number_}" aria-label="Save ${escapeText(figureName(figure))} as a file" title="Save this figure">⤓</summary>
      <div><button type="button" data-file="svg">SVG</button><button type="button" data-file="png">PNG</button></div></details></div>`);
  }
}

let offered = 0;
new MutationObserver(() => {
  if (offered) return;
  offered = requestAnimationFrame(() => { offered = 0; offerFigures(); });
}).observe(document.querySelector("main"), { childList: true, subtree: true });
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-file]");
  if (button) saveFigure(button);
  for (const menu of document.querySelectorAll(".files details[open], .share[open]")) if (!menu.contains(event.target)) menu.open = false;
});
