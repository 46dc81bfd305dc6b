// The current layer: who looks at whom, and the weights, every one of which can be changed.

const KINDS = {
  linear: "the weight is the score",
  relu: "the weight is the score where it is positive, else 0",
  softmax: "the weights are the softmax of the scores",
  normalised: "the weights are the scores divided by their sum",
  exponential: "the weight is the exponential of the score",
};
const KEYS = { context: "the examples are read, no query is", full: "every token is read", causal: "earlier tokens are read", "strictly causal": "tokens before it are read" };
function renderLayer() {
  const model = app.models[app.side], panel = byId("layer");
  if (!model) return fill(panel, "");
  const { witness, result } = model, k = Math.min(app.layer, witness.layers.length);
  const text = layerText(k === 0 ? "embedding" : witness.layers[k - 1].name);
  const label = DATA.sides[app.side].label;
  fill(panel, k === 0
    ? `<h3>The embedding</h3><p class="about-layer">${text}</p>${mapList("embedding", witness.prompt.embedding, "written")}`
    : layerHtml(k, result, text, label ? ` <small>${escapeText(label)}</small>` : ""));
  glossary.mark(panel.querySelector(".about-layer"));
}

function layerHtml(k, { steps, tokens }, text, label) {
  const { layer, heads } = steps[k];
  return `<h3>Layer ${k}${titled(layer.name) && `: ${titled(layer.name)}`}${label}</h3><p class="about-layer">${text}</p>${normsOf(layer)}${
    heads.map((made) => headOf(made, tokens)).join("")}${layer.mlp ? mlpOf(steps[k]) : ""}`;
}

function layerText(whole) {
  const name = whole.replace(/^\d+: /, "");
  const keys = Object.keys(DATA.lesson.layers).filter((key) => name.startsWith(key));
  return keys.length ? DATA.lesson.layers[keys.sort((a, b) => b.length - a.length)[0]] : "";
}

function headOf(made, tokens) {
  const { head, seen, scores, weights } = made;
  const plain = weights.v.every((w, at) => w === scores.v[at]);
  const shown = plain || app.scores ? scores : weights;
  const top = Math.max(...Array.from(shown.v, (x) => (Number.isFinite(x) ? Math.abs(x) : 0)), 0);
  const open = app.cell ? app.cell.t : null;
  const wide = tokens.total > 9, every = wide ? Math.ceil(tokens.total / 12) : 1;
  const body = tokens.all.map((t) => `<tr class="${t === open ? "open" : ""}">${tokenHead(tokens, t, "row", every)}${
    seen.map((j, at) => `<td class="${toneOf(shown.get(t, at), top)}" title="${plainName(tokens, t)} reads ${plainName(tokens, j)}: ${
      show(scores.get(t, at), 6)}">${wide ? "" : `<span>${show(shown.get(t, at), 2)}</span>`}</td>`).join("")}</tr>`).join("");
  const words = `${KINDS[head.attention]}${head.null ? " and 1" : ""}${
    head.average ? `, divided by the number of ${head.average === "keys" ? "tokens read" : "examples"}` : ""}; ${KEYS[head.keys]}${ruleText(head.mask, "times the mask")}${ruleText(head.mix, "values mixed by")}`;
  const toggle = plain ? "" : `<label class="switch"><input type="checkbox" data-do="scores" data-focus="scores${made.head.name}"
    ${app.scores ? "checked" : ""}> raw scores</label>`;
  return `<figure class="head"><figcaption><b>${escapeText(counted(head.name || "head"))}</b> <small>${scores.r}×${scores.c}</small>${toggle}
    <br><small>${words}</small></figcaption>
    <div class="scroll" tabindex="0"><table class="stream small${wide ? " bare" : ""}${tokens.total > 18 ? " dense" : ""}"><thead><tr><td class="corner"><span class="query">reads ↓</span>
    <span class="key">read →</span></td>${seen.map((j) => tokenHead(tokens, j, "col", every)).join("")}</tr></thead>
    <tbody>${body}</tbody></table></div>
    ${["query", "key", "value"].map((role) => mapList(role, head[role], role)).join("")}</figure>`;
}

// A token's name above a column or beside a row; in a large table every so many, and the query's.
function tokenHead(tokens, t, scope, every) {
  const name = tokenName(tokens, t);
  if (every === 1) return `<th scope="${scope}">${name}</th>`;
  const short = tokens.queries.includes(t) ? (scope === "row" ? name : "q") : t % every === 0 ? name.replace(scope === "row" ? "" : "ex. ", "") : "";
  return `<th scope="${scope}" aria-label="${plainName(tokens, t)}">${short}</th>`;
}

function ruleText(rule, words) {
  if (!rule) return "";
  const constants = rule.constants.map(([name, x]) => `${name} = ${show(approximately(x).v)}`).join(", ");
  return `; ${words} ${rule.matrix ? "a matrix" : escapeText(rule.text)}${constants ? ` where ${escapeText(constants)}` : ""}`;
}

const normWords = (norm) => (norm === true || norm.kind === "layer" ? "layer norm" : "RMS norm");

function normsOf(layer) {
  const places = { attention_norm: "before the heads", after_attention: "after the heads", norm: "before the MLP", after_mlp: "after the MLP" };
  const said = Object.entries(places).filter(([place]) => layer[place]).map(([place, where]) => `${normWords(layer[place])} ${where}`);
  return said.length ? `<p><small>${said.join("; ")}</small></p>` : "";
}

function mlpOf(record) {
  const { mlp } = record.layer;
  const plain = !mlp.inner && !mlp.gate && mlp.activation === "identity";
  const words = plain ? "a linear map of every token, added to the stream"
    : `hidden = ${mlp.activation === "identity" ? "" : mlp.activation + " of "}${mlp.inner ? "inner" : "the stream"}${mlp.gate ? " × gate" : ""}; then written`;
  return `<figure class="head"><figcaption><b>MLP</b>${record.layer.norm ? ` after ${normWords(record.layer.norm)}` : ""}<br><small>${words}</small></figcaption>
    ${mlp.inner ? mapList("inner", mlp.inner, "key") : ""}${mlp.gate ? mapList("gate", mlp.gate, "query") : ""}
    ${mapList("written", mlp.outer, "written")}</figure>`;
}

function mapList(name, blocks, role) {
  return `<ul class="maps ${role}"><li>${`${glossary.line(name) ? term(name, name, `role ${role}`) : `<span class="role ${role}">${name}</span>`}`}<ul>${blocks.map(blockOf).join("")}</ul></li></ul>`;
}

// The same weight on the other side of the page, if it is another number there.
function elsewhere(block) {
  const other = app.models.find((model, i) => model && i !== app.side);
  const found = other && blocksOf(other.witness).get(block.path);
  if (!other || (found && found.value === block.value && found.from === block.from)) return "";
  const label = DATA.sides[1 - app.side].label;
  return found && found.from === block.from && found.to === block.to
    ? ` <span class="elsewhere">${escapeText(label)}: ${show(found.value)}</span>` : ` <span class="elsewhere">not ${escapeText(label)}</span>`;
}

function blocksOf(witness) {
  const maps = [witness.prompt.embedding];
  for (const { heads, mlp } of witness.layers) {
    for (const head of heads) maps.push(head.query, head.key, head.value);
    if (mlp) maps.push(mlp.inner ?? [], mlp.gate ?? [], mlp.outer);
  }
  return new Map(maps.flat().map((block) => [block.path, block]));
}

function blockOf(block) {
  const edited = block.value !== block.original, key = `edits.${app.side}.${block.path}`;
  const shape = block.pattern ? ` <small>${DATA.patterns[block.pattern]}</small>`
    : block.matrix ? " <small>by a matrix</small>" : "";
  const symbol = block.shown === undefined ? "" : ` <span class="symbol">${DATA.pools.math[block.shown]}</span>`;
  return `<li class="${edited ? "edited" : ""}"><span>${escapeText(counted(block.to))} ←</span>
    ${field(key, edited ? block.value : Number(block.value.toPrecision(12)), `data-weight="${block.path}"`,
    `weight from ${escapeText(counted(block.from))} to ${escapeText(counted(block.to))}`)} · ${escapeText(counted(block.from))}${symbol}${shape}${elsewhere(block)}${
    edited ? ` <button type="button" data-restore="${block.path}">restore</button>` : ""}${why(key)}</li>`;
}
