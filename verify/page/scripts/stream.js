// The stream after the current layer, and the arithmetic behind any of its cells.

const WIDE = 10; // tokens, beyond which the stream takes the whole width and shows two digits

// The largest number in each slot so far, up to the current layer, in all streams that are shown.
function scalesSoFar(shown) {
  const most = {};
  for (const i of shown) {
    for (const step of app.models[i] ? app.models[i].result.steps.slice(0, app.layer + 1) : []) {
      for (const [slot, m] of Object.entries(step.after)) {
        for (const v of m.v) if (Number.isFinite(v)) most[slot] = Math.max(most[slot] ?? 0, Math.abs(v));
      }
    }
  }
  return most;
}

function renderStream() {
  const shown = app.view === "both" ? app.models.map((_, i) => i) : [app.side], stream = byId("stream");
  app.scales = scalesSoFar(shown);
  placeStream(shown.length > 1 || shown.some((i) => app.models[i]?.result.tokens.total > WIDE));
  fill(stream, `<div class="heading"><h3>The ${term("residual stream", "stream")} ${app.layer === 0 ? "as the prompt enters it"
    : `after layer ${app.layer}`}</h3><label class="switch"><input type="checkbox" data-do="numbers"
    data-focus="numbers" ${app.numbers ? "checked" : ""}> numbers</label></div>
    <div class="sides">${shown.map((i) => sideOf(app.models[i], i)).join("")}</div>
    <p class="scale"><span>−</span><i></i><span>+</span> <small>each slot’s largest number so far, written ± beside its name</small></p>
    <p class="help">Click a cell, or move with the arrow keys and press Enter, to see its arithmetic.
    Arcs: whom ${app.cell ? "the cell’s token" : "the query"} reads, thicker for larger weights, dashed for negative ones.</p>`);
  for (const cell of named) cell.removeAttribute("title");
  named.clear();
  for (const board of stream.querySelectorAll("[data-board]")) putStream(app.models[board.dataset.board], Number(board.dataset.board), board);
}

// Arcs over the tokens, once everything else is drawn: where they stand has to be measured.
function renderArcs() {
  for (const board of byId("stream").querySelectorAll("[data-board]")) drawArcs(app.models[board.dataset.board], board);
}
// columns that stay in sight have another place after every scroll
byId("stream").addEventListener("scroll", renderArcs, { capture: true, passive: true });

// From those that are read to the one that reads.
function drawArcs(model, board) {
  const { tokens, steps } = model.result, { heads } = steps[Math.min(app.layer, steps.length - 1)];
  const reader = app.cell ? app.cell.t : tokens.queries[0];
  const at = [...board.querySelectorAll("thead th")].map((th) => th.offsetLeft + th.offsetWidth / 2);
  const { scrollLeft, clientWidth } = board.parentElement, named = board.querySelector("thead td").offsetWidth;
  const inSight = (token) => token === reader || at[token] > scrollLeft + named
    && at[token] < scrollLeft + clientWidth && (at[reader] > at[token] || token > reader);
  const found = (heads ?? []).flatMap((made) => made.seen.map((token, j) => ({ token, weight: made.weights.get(reader, j) })))
    .filter(({ token, weight }) => weight !== 0 && Number.isFinite(weight) && inSight(token));
  const most = Math.max(...found.map(({ weight }) => Math.abs(weight)));
  const arcs = found.map(({ token, weight }) => {
    const from = at[token], to = at[reader], own = token === reader;
    const height = own ? 30 : Math.min(40, 14 + Math.abs(to - from) * 0.09);
    const path = own ? `M${from - 9} 44 C${from - 16} ${44 - height} ${to + 16} ${44 - height} ${to + 9} 44`
      : `M${from} 44 C${from} ${44 - height * 1.3} ${to} ${44 - height * 1.3} ${to} 44`;
    return `<path class="${weight < 0 ? "minus" : ""}" d="${path}" style="stroke-width:${(0.8 + (4.2 * Math.abs(weight)) / most).toFixed(1)}"/>`;
  });
  const dot_ = found.length ? `<circle class="reader" cx="${at[reader]}" cy="44" r="4"/>` : "";
  const wide = board.offsetWidth;
  board.querySelector(".arcs")?.remove();
  board.insertAdjacentHTML("beforeend", `<svg class="arcs" width="${wide}" height="48" aria-hidden="true">${arcs.join("")}${dot_}</svg>`);
}

// Two streams side by side, and a wide one, take the whole width, above the columns; else it stands
// in the middle one.
function placeStream(both) {
  const lab = byId("lab"), stream = byId("stream"), columns_ = lab.querySelector(".columns");
  if (lab.classList.contains("both") === both) return;
  lab.classList.toggle("both", both);
  if (both) lab.insertBefore(stream, columns_);
  else columns_.querySelector(".wide").prepend(stream);
}

// One side, whose board is filled apart: no layer changes the table, only what stands in it.
function sideOf(model, side) {
  const label = DATA.sides[side].label, title = label ? `<h4>${escapeText(label)}</h4>` : "";
  return `<div class="side">${title}${model ? `<div class="scroll"><div class="board" data-board="${side}" data-apart="${side}"></div></div>`
    : "<p>There is no such witness at this size.</p>"}</div>`;
}

function putStream(model, side, board) {
  const { witness, result, comparison } = model, { tokens, steps } = result;
  const k = Math.min(app.layer, steps.length - 1), now = steps[k].after, before = k > 0 ? steps[k - 1].after : now;
  const holds = k > 0 ? witness.layers[k - 1].holds : [], marks = comparison.marks[k] ?? new Map();
  fill(board, streamTable(witness.layout, tokens, side));
  const names = board.querySelectorAll("th[scope=rowgroup]"), cells = board.querySelectorAll("td[data-cell]");
  let at = 0;
  witness.layout.slots.forEach(([name, shape], slot) => {
    const size = sizeOf(shape), most = app.scales[name];
    fill(names[slot], `<b>${escapeText(name)}</b> <small>${shape.join("×") || 1}</small>${most ? `<small class="most">±${show(most, 2)}</small>` : ""}${
      heldIn(holds.filter((h) => splitEntry(h[0])[0] === name), tokens, size)}`);
    for (let i = 0; i < size; i++) {
      for (const t of tokens.all) putCell(cells[at++], cellOf(side, name, i, t, now[name], before[name], marks, tokens));
    }
  });
}

const streamTable = (layout, tokens, side) => `<table class="stream${app.numbers ? "" : " bare"}${tokens.total > WIDE ? " compact" : ""}"
    role="grid" aria-label="residual stream"><thead><tr><td></td>${
  tokens.all.map((t) => `<th scope="col"${t === tokens.queries[0] ? ' class="asks"' : ""}>${tokenName(tokens, t)}</th>`).join("")}</tr></thead><tbody>${
  layout.slots.map(([name, shape]) => Array.from({ length: sizeOf(shape) }, (_, i) => `<tr>${
    i === 0 ? `<th scope="rowgroup" rowspan="${sizeOf(shape)}" data-apart="${name} ${sizeOf(shape)}"></th>` : ""}${tokens.all.map((t) =>
    `<td role="gridcell" data-side="${side}" data-cell="${name}.${i}.${t}" data-focus="${side}:${name}.${i}.${t}" data-apart></td>`).join("")}</tr>`).join("")).join("")}</tbody></table>`;

// What a cell says and how: its classes, whether Tab reaches it, its number.
function cellOf(side, name, i, t, now, before, marks, tokens) {
  const id = `${name}.${i}.${t}`, value = now.get(t, i), kinds = value === 0 ? ["nought"] : [];
  if (t === tokens.queries[0]) kinds.push("asks");
  if (value !== before.get(t, i)) kinds.push("changed");
  if (marks.has(id)) kinds.push("differs");
  const open = app.cell && app.cell.id === id && app.cell.side === side;
  if (open) kinds.push("open");
  const first = open || (!app.cell && i === 0 && t === 0 && name === firstSlot(side));
  kinds.push(toneOf(value, app.scales[name]));
  return [kinds.join(" "), first ? 0 : -1, show(value, tokens.total > WIDE ? 2 : 3)];
}

// Writes of a cell what is new.
const looks = new WeakMap();
function putCell(cell, look) {
  const before = looks.get(cell) ?? [];
  if (look[0] !== before[0]) cell.className = look[0];
  if (look[1] !== before[1]) cell.tabIndex = look[1];
  if (!cell.firstChild) cell.append(look[2]);
  else if (look[2] !== before[2]) cell.firstChild.data = look[2];
  looks.set(cell, look);
}

// What a cell is and holds, in full, once somebody points at it or reaches it by keys.
const named = new Set();
function nameCell({ target }) {
  if (!target.dataset?.cell) return;
  const { slot, i, t, side } = placeOfCell(target.dataset.cell, Number(target.dataset.side)), model = app.models[side];
  const { tokens, steps } = model.result, k = Math.min(app.layer, steps.length - 1);
  const should = model.comparison.marks[k]?.get(target.dataset.cell)?.should;
  target.title = `${slot}${entryName(model.witness.layout.shape(slot), i)}, ${plainName(tokens, t)}: ${show(steps[k].after[slot].get(t, i), 6)}`
    + (should === undefined ? "" : `, should be ${show(should, 6)}`);
  named.add(target);
}
for (const kind of ["pointerover", "focusin"]) byId("stream").addEventListener(kind, nameCell);

const firstSlot = (side) => app.models[side].witness.layout.slots[0][0];

// What a slot should hold, each formula once with the tokens that hold it.
function heldIn(holds, tokens, size) {
  const places = new Map();
  for (const [slot, , which, formula] of holds) {
    const entry = splitEntry(slot)[1], key = `${entry === null || size === 1 ? "" : `<small>[${entry + 1}]</small> `}${formula}`;
    const where = { all: "", context: "the examples", query: "the queries" }[which] ?? tokenName(tokens, Number(which));
    places.set(key, [...(places.get(key) ?? []), where]);
  }
  return [...places].map(([formula, where]) =>
    `<span class="holds">${formula}${where.every(Boolean) ? ` <small>at ${ranges(where)}</small>` : ""}</span>`).join(" ");
}

// -- the arithmetic of a cell ------------------------------------------------------------------

// What made a cell: [{kind, text, value}], the values adding up to the cell.
function arithmetic(model, k, name, i, t) {
  const record = model.result.steps[k], terms = [];
  if (k === 0) return embeddingTerms(model, name, i, t);
  terms.push({ kind: "before", text: "what was there before", value: record.before[name].get(t, i) });
  record.heads.forEach((made, h) => {
    if (!made.result[name]) return;
    const value = made.values[name];
    terms.push({
      kind: "head", head: h, name: made.head.name, value: made.result[name].get(t, i),
      parts: made.seen.map((j, at) => ({
        token: j, weight: made.weights.get(t, at), score: made.scores.get(t, at),
        query: row(made.query, t), key: row(made.key, j), value: value.get(j, i),
      })),
    });
  });
  const normed = (place, now) => {
    if (!record.layer[place]) return;
    const before = terms.reduce((total, term) => total + term.value, 0);
    terms.push({ kind: "before", text: "what the norm after it changes", value: now[name].get(t, i) - before });
  };
  normed("after_attention", record.middle);
  if (record.mlp && record.mlp.result[name]) {
    const { layout } = model.witness, from = record.mlp.hiddenLayout;
    const parts = [];
    for (const block of record.layer.mlp.outer) {
      const [target, place] = splitEntry(block.to);
      if (target !== name) continue;
      const [source, index] = splitEntry(block.from);
      for (const [to, column, factor] of entries(block, layout.shape(block.to), from.shape(block.from))) {
        if ((place ?? to) !== i) continue;
        const at = index ?? column;
        parts.push({
          c: block.value * factor, source, at, shape: from.shape(source),
          hidden: record.mlp.hidden[source].get(t, at),
          inner: record.mlp.inner[source].get(t, at), active: record.mlp.active[source].get(t, at),
          gate: record.mlp.gate ? record.mlp.gate[source].get(t, at) : null,
        });
      }
    }
    terms.push({ kind: "mlp", name: "MLP", value: record.mlp.result[name].get(t, i), parts });
  }
  normed("after_mlp", record.after);
  return terms;
}

function embeddingTerms(model, name, i, t) {
  const value = model.result.steps[0].after[name].get(t, i);
  const from = model.witness.prompt.embedding.filter((block) => splitEntry(block.to)[0] === name);
  const text = from.length
    ? `the embedding puts ${from.map((b) => (b.value === 1 ? "" : show(b.value) + " · ") + counted(b.from)).join(" + ")} here`
    : "the embedding writes nothing here";
  return [{ kind: "before", text, value }];
}

const row = (m, t) => Array.from({ length: m.c }, (_, j) => m.get(t, j));

function renderCell() {
  const panel = byId("cell");
  if (!app.cell || !app.models[app.cell.side]) {
    fill(panel, '<p class="help">No cell is open. Every number above can be taken apart: click it.</p>');
    return;
  }
  const model = app.models[app.cell.side], { slot, i, t, id } = app.cell;
  const { witness, result, expected, comparison } = model;
  const k = Math.min(app.layer, result.steps.length - 1), shape = witness.layout.shape(slot);
  const value = result.steps[k].after[slot].get(t, i);
  const lines = arithmetic(model, k, slot, i, t).map(lineOf).join("");
  const held = k > 0 ? expected[k - 1].find((h) => h.should.has(t) && (h.slot === slot || h.slot === `${slot}[${i}]`)) : null;
  const should = held ? held.should.get(t) : null;
  const mark = (comparison.marks[k] ?? new Map()).get(id);
  const verdict = !held ? "" : `<p class="${mark ? "bad" : "good"}">It should hold ${held.text}${
    sizeOf(shape) === 1 || isNumber(should) ? "" : `, entry ${i + 1}`}, which is <b>${
    show(should.v[isNumber(should) ? 0 : i], 6)}</b>: ${mark ? "≠ it does not." : "✓ it does."}</p>`;
  fill(panel, `<div class="heading"><h3>${escapeText(slot)}${entryName(shape, i)} of ${
    tokenName(result.tokens, t)} after layer ${k} is ${show(value, 6)}</h3>
    <button type="button" data-do="close" data-focus="close" aria-label="Close">✕</button></div>
    <table class="arithmetic"><tbody>${lines}<tr class="total"><td>together</td><td></td><td>${
    show(value, 6)}</td></tr></tbody></table>${verdict}`);
}

function lineOf(term) {
  const line = (left, middle, right, kind) =>
    `<tr class="${kind ?? ""}"><td>${left}</td><td>${middle}</td><td>${right}</td></tr>`;
  if (term.kind === "before") return line(escapeText(term.text), "", show(term.value, 6));
  const head = line(`+ ${escapeText(counted(term.name || "head"))}`, "", show(term.value, 6), "part");
  if (term.kind === "head") {
    const { tokens } = app.models[app.cell.side].result;
    return head + term.parts.filter((p) => p.weight !== 0 || p.value !== 0).map((p) => {
      const score = `⟨<span class="query">${vector(p.query)}</span>, <span class="key">${vector(p.key)}</span>⟩`;
      const weight = p.weight === p.score ? `${score} = ${show(p.score)}` : `${score} = ${show(p.score)} → ${show(p.weight)}`;
      return line(`from ${tokenName(tokens, p.token)}`, `${weight} times <span class="value">${show(p.value)}</span>`,
        show(p.weight * p.value), "detail");
    }).join("");
  }
  return head + term.parts.filter((p) => p.hidden !== 0).map((p) => {
    const unit = p.inner === p.active ? show(p.inner) : `${show(p.inner)} → ${show(p.active)}`;
    const made = p.gate === null ? unit : `(${unit} · ${show(p.gate)})`;
    return line(`${escapeText(counted(p.source))}${entryName(p.shape, p.at)}`, `${show(p.c)} times ${made}`,
      show(p.c * p.hidden), "detail");
  }).join("");
}

const vector = (entries_) => (entries_.length === 1 ? show(entries_[0]) : `(${entries_.map((x) => show(x)).join(", ")})`);
