// Picture C: every line is a point, its height across and its slope up. Rings join lines of equal
// loss; a dot per layer shows where the transformer is.

const C_GROUPS = ["axes", "rings", "path", "dots", "marks"];
const RINGS = 9;

function drawContours(svg, pose, size) {
  const groups = layersOf(svg, C_GROUPS, C_GROUPS.slice(1));
  const left = 36, right = 10, top = 14, bottom = 28;
  const wide = size.W - left - right, high = size.H - top - bottom, { centre: [slope, height], unit } = pose.map;
  const frame = plotFrame({ ...size, left, right, top, bottom,
    x: [height - unit * wide / 2, height + unit * wide / 2], y: [slope - unit * high / 2, slope + unit * high / 2] });
  const { px, py } = frame, X = (w) => far(px(w[1])), Y = (w) => far(py(w[0]));
  windowed(svg, frame);
  groups.axes.innerHTML = axes(frame, { xName: "height at x = 0", yName: "slope", yTicks: ticksBelowName(frame, 4), count: 4 });
  const [s, h] = pose.valley, angle = (-Math.atan2(s, h) * 180) / Math.PI;
  const origin = `translate(${X(pose.best).toFixed(2)} ${Y(pose.best).toFixed(2)}) rotate(${angle.toFixed(3)})`;
  marks(groups.rings, Array.from({ length: RINGS }, (_, i) => {
    const reach = (pose.reach * (i + 1)) / 4; // the fourth ring goes through the start
    return { key: i, tag: "ellipse", class: "ring", transform: origin,
      rx: far(reach / Math.sqrt(Math.max(pose.bottom, 1e-12)) / unit), ry: far(reach / Math.sqrt(pose.top) / unit) };
  }));
  const walk = (from, to) => `M${pose.path.slice(from, to).map((w) => `${X(w).toFixed(1)} ${Y(w).toFixed(1)}`).join("L")}`;
  const done = Math.floor(pose.layer + 1e-9) + 1;
  marks(groups.path, [
    { key: "all", tag: "path", class: "path-ahead", d: walk(0) },
    { key: "done", tag: "path", class: "path-done", d: `${walk(0, done)}L${X(pose.line).toFixed(1)} ${Y(pose.line).toFixed(1)}` },
  ]);
  marks(groups.dots, [
    ...pose.path.map((w, k) => ({ key: k, tag: "circle", class: `path-dot${k < done ? " done" : ""}`, r: pose.path.length > 12 ? 2.25 : 3.5, cx: X(w), cy: Y(w) })),
    { key: "now", tag: "circle", class: "path-now", r: 7, cx: X(pose.line), cy: Y(pose.line) },
  ]);
  const outside = Math.abs(px(pose.line[1]) - left - wide / 2) > wide / 2 || Math.abs(py(pose.line[0]) - top - high / 2) > high / 2;
  marks(groups.marks, [
    { key: "best", tag: "path", class: "best-mark", d: `M${X(pose.best) - 5} ${Y(pose.best)}h10m-5 -5v10` },
    { key: "bestname", tag: "text", class: "mark-name", x: X(pose.best) + 11, y: Y(pose.best) + 4, text: "best line" },
    ...(outside ? [{ key: "gone", tag: "text", class: "mark-name gone", x: left + wide - 6, y: top + 16, text: "the line has left this map" }] : []),
  ]);
}
