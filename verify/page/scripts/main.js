// Starts the page.

byId("lab").hidden = false;
setUpExercises();
recompute();
app.layer = Math.min(1, app.layers);
if (window.location.hash.includes("=")) {
  recall();
  showLab();
} else render();
window.page = { app, saved, change, go, arithmetic, rightAnswer, show, exercises: DATA.lesson.exercises, lens: (k) => lens(app.models[app.side].result, k, DATA.lesson.lens) };
