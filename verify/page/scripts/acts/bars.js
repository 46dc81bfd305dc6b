// Picture B: the update. Arcs are scores; under each example its score, its value, and the bar
// of their product; laid end to end, the bars are what the layer adds.

const B_GROUPS = ["hit", "axes", "arcs", "bars", "chips"];

function barLayout({ W, H }, count, panels) {
  const narrow = W < 520, gutter = narrow ? 50 : 80, total = narrow ? 62 : 104;
  const wide = (W - gutter - total - 6) / count, arcs = Math.max(26, Math.min(90, H * (narrow ? 0.2 : 0.24)));
  const text = narrow ? 14 : 17, top = arcs + 24 + text; // arcs, chips, scores
  const high = (H - top - 4) / panels;
  return {
    narrow, roomy: !narrow || panels === 1, gutter, wide, arcs, text, W, H, chip: arcs + 12, score: arcs + 22 + text,
    at: (j) => gutter + wide * (j + 0.5), asked: gutter + wide * count + total / 2, bar: Math.min(44, wide * 0.56),
    panel: (p) => ({ value: top + p * high + text - 2, top: top + p * high + text + 14, bottom: top + (p + 1) * high - 12 }),
  };
}

// A number in a narrow column: without the 0 before the point.
const brief = (v, narrow) => (narrow ? show(v, 2).replace(/^(−?)0\./, "$1.") : show(v, 2));

function drawBars(svg, pose, size) {
  const groups = layersOf(svg, B_GROUPS);
  const n = pose.x.length, place = barLayout(size, n, pose.panels.length), { at, asked } = place;
  marks(groups.hit, pose.x.map((_, j) => ({ key: j, tag: "rect", class: "column-hit", "data-j": j,
    x: at(j) - place.wide / 2, y: 0, width: place.wide, height: size.H })));
  const most = Math.max(1e-12, ...pose.scores.map(Math.abs));
  marks(groups.arcs, pose.scores.map((score, j) => {
    const rise = Math.min(place.arcs * 0.98, place.arcs * (0.35 + 0.65 * (asked - at(j)) / (asked - at(0))));
    return { key: j, tag: "path", class: `score-arc${score < 0 ? " minus" : ""}`, "data-j": j,
      d: `M${asked.toFixed(1)} ${place.arcs}C${asked.toFixed(1)} ${(place.arcs - rise * 1.3).toFixed(1)} ${at(j).toFixed(1)} ${(place.arcs - rise * 1.3).toFixed(1)} ${at(j).toFixed(1)} ${place.arcs}`,
      style: `stroke-width:${(0.75 + 6 * Math.abs(score) / most).toFixed(2)}` };
  }));
  const name = (key, y, text, kind) => ({ key, tag: "text", class: `row-name ${kind}`, x: place.narrow ? 6 : 12, y, text });
  marks(groups.chips, [
    ...pose.x.flatMap((_, j) => [
      { key: `c${j}`, tag: "circle", class: "chip", cx: at(j), cy: place.chip, r: 10, "data-j": j },
      { key: `n${j}`, tag: "text", class: "chip-name", x: at(j), y: place.chip + 4, text: String(j + 1), "data-j": j },
      { key: `s${j}`, tag: "text", class: "number key", x: at(j), y: place.score, text: brief(pose.scores[j], place.narrow), "data-j": j },
    ]),
    { key: "q", tag: "circle", class: "query-chip", cx: asked, cy: place.chip, r: 11 },
    { key: "qn", tag: "text", class: "query-name", x: asked, y: place.chip + 4, text: pose.asker },
    name("score", place.score, "score", "key"),
    ...pose.panels.flatMap((panel, p) => {
      const { value, bottom, top } = place.panel(p);
      return [
        name(`value${p}`, value, panel.name, "value"),
        name(`sum${p}`, (top + bottom) / 2 + 4, panel.product, "written"),
        ...pose.x.map((_, j) => ({ key: `v${p}.${j}`, tag: "text", class: "number value", x: at(j), y: value, text: brief(panel.values[j], place.narrow), "data-j": j })),
      ];
    }),
  ]);
  let grid = "";
  marks(groups.bars, pose.panels.flatMap((panel, p) => {
    const room = place.panel(p);
    const frame = plotFrame({ ...size, left: place.gutter, right: 2, top: room.top, bottom: size.H - room.bottom, x: [0, 1], y: panel.range });
    grid += `<line class="base" x1="${place.gutter}" x2="${size.W - 4}" y1="${frame.py(0)}" y2="${frame.py(0)}"/>`;
    return barMarks(frame, place, panel, p);
  }));
  groups.axes.innerHTML = grid;
}

function barMarks(frame, place, panel, p) {
  // the number of a bar stands above it
  const { at, asked } = place, y = (v) => Math.max(frame.top - 8, Math.min(frame.H - frame.bottom + 8, frame.py(v)));
  const upright = (key, x, from, to, kind, more) => ({ key, tag: "rect", class: kind, x: x - place.bar / 2, width: place.bar,
    y: Math.min(y(from), y(to)), height: Math.max(0.75, Math.abs(y(from) - y(to))), ...more });
  const made = [];
  const n = panel.from.length;
  for (let j = 0; j + 1 <= n; j++) {
    const next = j + 1 < n ? at(j + 1) - place.bar / 2 : asked - place.bar / 2;
    made.push({ key: `link${p}.${j}`, tag: "line", class: "bar-link", x1: at(j) + place.bar / 2, x2: next, y1: y(panel.to[j]), y2: y(panel.to[j]) });
  }
  panel.from.forEach((from, j) => {
    const wrong = panel.should && Math.abs(panel.should[j] - panel.products[j]) > 1e-9;
    if (panel.should) made.push(upright(`should${p}.${j}`, at(j), 0, panel.should[j], "should-bar", { "data-j": j }));
    made.push(upright(`bar${p}.${j}`, at(j), from, panel.to[j], `term-bar${wrong ? " wrong" : ""}`, { "data-j": j }));
    if (place.roomy) made.push({ key: `t${p}.${j}`, tag: "text", class: "number bar-number", x: at(j), "data-j": j, text: brief(panel.numbers[j], place.narrow),
      y: Math.min(y(from), y(panel.to[j])) - 4 });
  });
  made.push(upright(`total${p}`, asked, 0, panel.total, "total-bar"));
  made.push({ key: `tt${p}`, tag: "text", class: "number total-number", x: asked,
    y: panel.total >= 0 ? y(panel.total) - 4 : y(panel.total) + 13, text: place.roomy ? `${panel.sum} ${show(panel.sumOf, 3)}` : show(panel.sumOf, 2) });
  return made;
}
