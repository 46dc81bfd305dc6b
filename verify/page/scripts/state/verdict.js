// What the comparison of every slot with its formula says, and what the page has to say itself.

function renderVerdict() {
  const html = app.models.map((model, i) => (model ? verdictOf(model, i) : "")).join("");
  const said = app.notices.map((text) => `<p class="notice">${escapeText(text)}</p>`).join("");
  const dismiss = said && '<button type="button" class="dismiss" data-do="dismiss" data-focus="dismiss" aria-label="Dismiss what the page says">✕</button>';
  fill(byId("verdict"), `${said && `<div class="notices">${said}${dismiss}</div>`}${html}${counterexampleButtons()}`);
}

// Says something beside the verdict until the next change.
function say(text) {
  if (!app.notices.includes(text) && app.notices.length < 8) app.notices.push(text);
}

function verdictOf(model, i) {
  const { comparison, witness } = model, edited = Object.keys(app.edits[i]).length;
  const label = DATA.sides[i].label ? `<b>${escapeText(DATA.sides[i].label)}:</b> ` : "";
  const restore = edited ? ` <button type="button" data-do="restore" data-side="${i}">restore the weights</button>` : "";
  const line = (kind, text) => `<p class="${kind}">${label}${text}${restore}</p>`;
  const at = (found) => `<a href="${escapeText(addressOf(found, i))}">layer ${found.layer}, slot ${escapeText(found.slot)}${entryName(witness.layout.shape(found.slot), found.entry)}, ${
    tokenName(model.result.tokens, found.token)}</a>`;
  const { first, vague } = comparison;
  if (first) {
    return line("refuted", `<strong>Refuted</strong> on this prompt. The first difference is after ${at(first)}: it holds ${
      show(first.is)} and should hold ${show(first.should)}.`);
  }
  if (comparison.beyond) return line("beyond", "<strong>Undecided</strong>: on this prompt the numbers leave the range of float64.");
  if (!comparison.compared) return line("beyond", "<strong>Undecided</strong>: nothing says what a slot of this transformer should hold.");
  if (vague) {
    const reason = comparison.exact
      ? `rounding alone may move this number, ${show(vague.should)}, by ${Number.isFinite(vague.bound) ? show(vague.bound, 2) : "any amount"}. What it holds is ${show(vague.is)}`
      : `it should hold ${show(vague.should)} and holds ${show(vague.is)}: GeLU, softmax and layer norm come no closer`;
    return line("beyond", `<strong>Undecided</strong>: on this prompt not one digit is certain after ${at(vague)}, where ${reason}.`);
  }
  if (!comparison.exact) {
    return line("near", `<strong>Approximates</strong>: on this prompt no slot is further than ${show(comparison.worst, 2)} from what it should
      hold. GeLU, softmax and layer norm can only come close.`);
  }
  return line("holds-here", `<strong>Holds</strong> on this prompt: ${word(comparison.compared, "number")} in ${word(witness.layers.length, "layer")}
    are what they should be${gapText(comparison)}.`);
}

// The largest gap as a share of what rounding allows there, and how much that leaves certain.
function gapText({ share, digits }) {
  if (share === 0) return ", to the last bit";
  const percent = share < 0.01 ? "less than 1%" : `${Math.ceil(share * 100)}%`, certain = Math.floor(digits);
  return `: the largest gap is ${percent} of what rounding allows, and ${word(certain, "digit")} ${certain === 1 ? "is" : "are"} certain everywhere`;
}

function counterexampleButtons() {
  return (DATA.counterexamples ?? []).map((example, i) =>
    `<button type="button" data-counterexample="${i}">load the smallest counterexample</button>`).join("");
}
