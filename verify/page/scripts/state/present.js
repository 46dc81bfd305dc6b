// The page as slides and as a part of another page: fewer parts are shown, and nothing else is different.

byId("lab").dataset.title = DATA.title;

// Keys of slides, those of a remote control among them. True if the key was one.
function turnPage(event) {
  const to = {
    PageDown: app.layer + 1, " ": app.layer + 1, ArrowDown: app.layer + 1, PageUp: app.layer - 1, ArrowUp: app.layer - 1,
    Home: 0, End: app.layers,
  }[event.key];
  if (to === undefined) return false;
  event.preventDefault();
  go(to);
  return true;
}

// The address of the same state with another question mark part; "" for the whole page.
const addressAs = (asked) => `${window.location.pathname.replace(/.*\//, "")}${asked}${address()}`;

// Ways to show this state elsewhere.
function shareLinks() {
  if (PRESENTED) return "";
  if (EMBEDDED) return `<a class="share" href="${escapeText(addressAs(""))}" target="_blank" rel="noopener">the whole page</a>`;
  const frame = `<iframe src="${addressAs("?embed")}" width="760" height="460" title="${DATA.title}"></iframe>`;
  return `<details class="share"><summary data-focus="share">share</summary><div>
    <p>The address of this page holds everything: layer, cell, numbers, weights.</p>
    <p><a href="${escapeText(addressAs("?present"))}">Present it</a>: large, arrow keys step.</p>
    <label>Put it into a page: <input type="text" readonly value="${escapeText(frame)}" data-focus="frame"></label></div></details>`;
}
