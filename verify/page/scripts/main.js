// Starts the page.

byId("lab").hidden = false;
setUpExercises();
recompute();
app.layer = Math.min(1, app.layers);
// a page that is made to start where the algorithm runs away does so on purpose
if (runsAway(app.analysis)) stepNames(app.analysis).forEach((name) => app.own.add(name));
if (window.location.hash.includes("=")) {
  recall();
  showLab();
} else render();
startTimeline();
renderStepper();
offerFigures();
window.page = {
  app, saved, change, go, arithmetic, rightAnswer, show, figureSvg, figurePng, address, remember, leftOver,
  drawn: (prompt, n, condition, seed, lesson) => insideOf(randomPrompt(prompt, n, condition, seed), lesson),
  exercises: DATA.lesson.exercises, lens: (k) => lens(app.models[app.side].result, k, DATA.lesson.lens),
};
