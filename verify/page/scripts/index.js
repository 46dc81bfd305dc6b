// The table of statements: a click on a column's head sorts it, fields above it filter the rows.
// Without scripts all rows are there, in their order.

"use strict";
for (const index of document.querySelectorAll("#statements")) {
  const body = index.querySelector("table.index tbody");
  const rows = [...body.rows];
  const heads = [...index.querySelectorAll("table.index thead th")];
  const form = index.querySelector("form.filters");
  const words = rows.map((row) => row.textContent.toLowerCase());

  const key = (row, column) => row.cells[column].dataset.sort;
  const compare = (a, b) => a.localeCompare(b, "en", { numeric: true });

  // Equal ones stay in the order in which they were written.
  function sort(column, direction) {
    const order = rows.map((row, place) => place);
    order.sort((a, b) => direction * compare(key(rows[a], column), key(rows[b], column)) || a - b);
    body.append(...order.map((place) => rows[place]));
    heads.forEach((head, i) => {
      head.setAttribute("aria-sort", i !== column ? "none" : direction > 0 ? "ascending" : "descending");
    });
  }

  function filter() {
    const wanted = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdict = form.elements.verdict.value, kind = form.elements.kind?.value;
    let shown = 0;
    rows.forEach((row, i) => {
      const fits = wanted.every((word) => words[i].includes(word))
        && (!verdict || row.dataset.verdict === verdict)
        && (!kind || row.dataset.kind === kind);
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    });
    const rest = form.elements.kind ? "statements and readings" : "statements";
    form.querySelector("output").textContent = `${shown} of ${rows.length} ${rest}`;
  }

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () =>
      sort(column, head.getAttribute("aria-sort") === "ascending" ? -1 : 1));
    head.replaceChildren(button);
    head.setAttribute("aria-sort", "none");
  });

  // A paper's name leaves its statements; once more, all of them.
  for (const line of index.querySelectorAll("[data-paper]")) {
    const name = line.querySelector("b"), button = document.createElement("button");
    button.type = "button";
    button.textContent = line.dataset.paper;
    button.title = "show its statements only";
    button.addEventListener("click", () => {
      const text = form.elements.text, own = `${line.dataset.paper}.`;
      text.value = text.value === own ? "" : own;
      filter();
    });
    name.replaceChildren(button);
  }

  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  filter();
}
