"use strict";
function setup() {
// Sorting: each click takes a column's head from descending (numbers) or ascending (words) to the other order, then back to the table's own.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0], own = [...body.rows];
  if (own.length < 2) continue;
  const heads = [...table.tHead.querySelectorAll('th[scope="col"]')];
  for (const head of heads) {
    const column = columnOf(table, head);
    head.classList.add("key");
    head.tabIndex = 0;
    const sort = () => {
      const words = !head.classList.contains("number");
      const orders = words ? ["ascending", "descending", ""] : ["descending", "ascending", ""];
      const order = orders[(orders.indexOf(head.getAttribute("aria-sort") || "") + 1) % 3];
      for (const other of heads) other.removeAttribute("aria-sort");
      if (order) head.setAttribute("aria-sort", order);
      const rows = [...own];
      if (order) rows.sort((a, b) => compare(cellAt(a, column), cellAt(b, column), words) * (order === "ascending" ? 1 : -1) || own.indexOf(a) - own.indexOf(b));
      body.append(...(order ? last(rows, column, words) : rows));
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", e => { if (e.key === "Enter" || e.key === " ") { e.preventDefault(); sort(); } });
  }
}
for (const input of document.querySelectorAll("[data-filter]")) {
  const rows = document.getElementById(input.dataset.filter).tBodies[0].rows;
  input.addEventListener("input", () => {
    const want = input.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(want);
  });
}
document.getElementById("copy").addEventListener("click", copy);
}
// columnOf counts the columns left of a head; heads of a second line stand under those of the first that span columns.
function columnOf(table, head) {
  const rows = table.tHead.rows;
  if (rows.length < 2 || head.parentNode === rows[0]) {
    let at = 0;
    for (const h of rows[0].cells) { if (h === head) return at; at += h.colSpan; }
  }
  const free = [];
  let at = 0;
  for (const h of rows[0].cells) { for (let i = 0; i < h.colSpan; i++, at++) if (h.rowSpan === 1) free.push(at); }
  return free[head.cellIndex];
}
function cellAt(row, column) {
  let at = 0;
  for (const cell of row.cells) { at += cell.colSpan; if (column < at) return cell; }
  return row.cells[row.cells.length - 1];
}
function compare(a, b, words) {
  if (words) return a.textContent.localeCompare(b.textContent, "en", { numeric: true });
  return Number(a.dataset.sort) - Number(b.dataset.sort);
}
// last puts what has no number behind the rest in either order.
function last(rows, column, words) {
  if (words) return rows;
  const has = r => cellAt(r, column).dataset.sort !== "";
  return [...rows.filter(has), ...rows.filter(r => !has(r))];
}
document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
function copy(e) {
  const code = document.getElementById("command"), range = document.createRange();
  range.selectNodeContents(code);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  const done = () => { e.target.textContent = "copied"; };
  if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).then(done, () => { if (document.execCommand("copy")) done(); });
  else if (document.execCommand("copy")) done();
}
setup();
