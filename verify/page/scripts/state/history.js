// What was edited, in order, so that it can be taken back: each entry is the part of an address
// that says so. Where the reader looks (layer, cell, side) is not edited.

const timeline = { edits: [], at: 0 };

// Puts the state into the address. Of what is still being dragged nothing is put there.
function remember(push) {
  if (push === false) return;
  const edits = editParts().join("&"), full = address();
  if (edits !== timeline.edits[timeline.at]) {
    timeline.edits.length = timeline.at + 1;
    timeline.edits.push(edits);
    timeline.at += 1;
  }
  settle_();
  if (full === window.location.hash) return;
  // a page within a page leaves the history of the one around it alone
  history[EMBEDDED ? "replaceState" : "pushState"]({ at: timeline.at, full }, "", full);
}

// Step sizes that were not chosen while dragging.
function settle_() {
  app.settled = { ...app.parameters };
  if (byId("stepper").firstChild) renderStepper();
}

// The first entry, and what the history says of the page as it was opened.
function startTimeline() {
  timeline.edits = [editParts().join("&")];
  timeline.at = 0;
  app.settled = { ...app.parameters };
  const asked = window.location.hash.includes("="); // then it says everything from now on
  history.replaceState({ at: 0, full: address() }, "", asked ? address() : undefined);
}

function travel(by) {
  const to = timeline.at + by;
  if (to < 0 || to >= timeline.edits.length) return;
  const place = placeParts();
  timeline.at = to;
  adopt(readAddress([...place, timeline.edits[to]].filter(Boolean).join("&")));
  app.touched = true;
  app.notices = [];
  render();
  remember();
}

window.addEventListener("popstate", (event) => {
  const { hash } = window.location;
  const known = hash.includes("=") ? hash : event.state && event.state.full;
  if (!known) { // a link to a part of the page: nothing changed
    history.replaceState({ at: timeline.at, full: address() }, "");
    return;
  }
  recall(known);
  const edits = editParts().join("&"), at = event.state ? event.state.at : -1;
  if (timeline.edits[at] === edits) timeline.at = at;
  else if (timeline.edits[timeline.at] !== edits) {
    timeline.edits.length = timeline.at + 1;
    timeline.edits.push(edits);
    timeline.at += 1;
  }
  settle_();
  if (!event.state) history.replaceState({ at: timeline.at, full: address() }, "");
  if (hash.includes("=")) showLab();
});
