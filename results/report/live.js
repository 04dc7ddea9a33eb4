"use strict";
// The page follows the sweep: a bar and what runs by each "status", all else, fetched anew, by each "results".
// EventSource connects again by itself, also after the server was away.
const bar = document.getElementById("live-bar"), text = document.getElementById("live-text"), stages = document.getElementById("live-stages");
const events = new EventSource("/events");
events.addEventListener("error", () => { text.textContent = "no answer from runner serve; trying again"; });
events.addEventListener("status", e => show(JSON.parse(e.data)));
events.addEventListener("results", e => { if (e.data !== document.body.dataset.version) replace(); });
function show(s) {
  bar.max = Math.max(1, s.stages.total);
  bar.value = s.stages.done;
  const parts = [s.state, s.trials.done + " of " + s.trials.total + " trials", s.stages.done + " of " + s.stages.total + " stages"];
  if (s.stages.failed) parts.push(s.stages.failed + " failed");
  if (s.leftSeconds > 0 && (s.state === "running" || s.state === "queued")) parts.push((s.leftRough ? "roughly " : "about ") + time(s.leftSeconds) + " left");
  if (s.resume) parts.push("to go on: " + s.resume.join(" "));
  text.textContent = parts.join(" · ");
  stages.replaceChildren(...(s.running || []).slice(0, 8).map(line), ...(s.failures || []).slice(0, 8).map(failed));
}
function line(s) {
  const item = document.createElement("li");
  const share = s.total > 0 ? " " + Math.floor(100 * s.done / s.total) + " %" : "";
  item.textContent = s.op + " " + s.key.slice(0, 8) + (s.queued ? " queued" : share) + (s.note ? " · " + s.note : "") + (s.trialNames && s.trialNames.length ? " · " + s.trialNames[0] + (s.trials > 1 ? " and " + (s.trials - 1) + " more" : "") : "");
  return item;
}
function failed(f) {
  const item = document.createElement("li");
  item.className = "warning";
  item.textContent = f.op + " " + f.key.slice(0, 8) + " failed: " + f.error;
  return item;
}
function time(seconds) {
  if (seconds < 90) return Math.ceil(seconds) + " s";
  if (seconds < 5400) return Math.round(seconds / 60) + " min";
  return Math.floor(seconds / 3600) + " h " + String(Math.round(seconds / 60) % 60).padStart(2, "0") + " min";
}
// replace takes everything but the theme from a new page, and keeps the reader's place, sorting and filter.
let busy = false;
async function replace() {
  if (busy) return;
  busy = true;
  try {
    const answer = await fetch("/");
    if (!answer.ok) return;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    const sorted = [...document.querySelectorAll("th[aria-sort]")].map(h => [place(h), h.getAttribute("aria-sort")]);
    const filters = [...document.querySelectorAll("[data-filter]")].map(i => i.value);
    const at = scrollY;
    document.querySelector("main").replaceWith(next.querySelector("main"));
    const state = next.getElementById("state"), old = document.getElementById("state");
    if (old) old.remove();
    if (state) document.getElementById("live").after(state);
    document.querySelector("nav").querySelectorAll("a").forEach(a => a.remove());
    document.querySelector("nav").prepend(...next.querySelectorAll("nav a"));
    document.body.dataset.version = next.body.dataset.version;
    setup();
    for (const [where, order] of sorted) {
      const head = headAt(where);
      for (let i = 0; head && i < 2 && head.getAttribute("aria-sort") !== order; i++) head.click();
    }
    document.querySelectorAll("[data-filter]").forEach((input, i) => { if (filters[i]) { input.value = filters[i]; input.dispatchEvent(new Event("input")); } });
    scrollTo(0, at);
  } catch { // the server is away; its next version comes with the next connection
  } finally {
    busy = false;
  }
}
// place names a head by its table's section, its table in there and its number.
function place(head) {
  const section = head.closest("section"), table = head.closest("table");
  return [section.id, [...section.querySelectorAll("table")].indexOf(table), [...table.querySelectorAll("th.key")].indexOf(head)];
}
function headAt([id, table, head]) {
  const section = document.getElementById(id), found = section && section.querySelectorAll("table")[table];
  return found && found.querySelectorAll("th.key")[head];
}
