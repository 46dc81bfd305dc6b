// Picture A: the points, the current line, and how far it misses each point.

const A_GROUPS = ["axes", "goal", "errors", "line", "asked", "points"];

function drawPoints(svg, pose, size) {
  const groups = layersOf(svg, A_GROUPS, ["goal", "errors", "line", "asked"]);
  const frame = plotFrame({ ...size, left: 34, right: 16, top: 14, bottom: 28, x: pose.xr, y: pose.yr });
  const { px, py } = frame, level = (v) => Math.max(-50, Math.min(size.H + 50, py(v)));
  windowed(svg, frame);
  groups.axes.innerHTML = axes(frame, { xName: "x", yName: "y", yTicks: ticksBelowName(frame, 5), count: 5 });
  const line = ([slope, height]) => ({ x1: px(pose.xr[0]), x2: px(pose.xr[1]),
    y1: far(py(slope * pose.xr[0] + height)), y2: far(py(slope * pose.xr[1] + height)) });
  marks(groups.goal, pose.showBest ? [{ key: "best", tag: "line", class: "best-line", ...line(pose.best) }] : []);
  marks(groups.line, [{ key: "line", tag: "line", class: "now-line", ...line(pose.line) }]);
  marks(groups.errors, pose.x.map((x, j) => ({ key: j, tag: "line", class: "error-bar", "data-j": j,
    x1: px(x), x2: px(x), y1: level(pose.fits[j]), y2: level(pose.y[j]) })));
  const at = px(pose.query), answer = level(pose.asked);
  marks(groups.asked, [
    { key: "stem", tag: "line", class: "query-stem", x1: at, x2: at, y1: frame.top, y2: size.H - frame.bottom },
    ...(pose.step === null ? [] : [{ key: "step", tag: "line", class: "step-bar", x1: at, x2: at, y1: answer, y2: level(pose.asked + pose.step) }]),
  ]);
  marks(groups.points, [
    ...pose.x.flatMap((x, j) => [
      { key: `p${j}`, tag: "circle", class: "point", r: 10, cx: px(x), cy: py(pose.y[j]), "data-j": j, "data-point": j,
        tabindex: 0, role: "slider", "aria-roledescription": "movable point", "aria-label": `point ${j + 1}`,
        "aria-valuenow": show(pose.y[j]).replace("−", "-"), "aria-valuetext": `x ${show(x)}, y ${show(pose.y[j])}, error ${show(pose.y[j] - pose.fits[j])}` },
      { key: `n${j}`, tag: "text", class: "point-name", x: px(x), y: py(pose.y[j]) + 4, "data-j": j, text: String(j + 1) },
    ]),
    { key: "query", tag: "circle", class: "query-point", r: 11, cx: at, cy: answer, "data-point": "query", tabindex: 0, role: "slider",
      "aria-roledescription": "movable question", "aria-label": "the question", "aria-valuenow": show(pose.query).replace("−", "-"),
      "aria-valuetext": `x ${show(pose.query)}, answer ${show(pose.asked)}` },
    { key: "mark", tag: "text", class: "query-name", x: at, y: answer + 4, text: "?" },
  ]);
  return frame;
}

// A place that no renderer refuses, far outside of every picture.
const far = (place) => (Number.isFinite(place) ? Math.max(-1e5, Math.min(1e5, place)) : 1e5);
