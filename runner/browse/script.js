"use strict";
// State is in the address: #/search?q=&k=&by=, #/class/NAME, #/about; so links, reload and the back button work.
const $ = id => document.getElementById(id);
const sideNames = { t2i: "images", t2t: "captions" };
let site = { classes: [], by: [], facts: [], maxK: 500 };
let open = { pairs: [], at: -1 }; // what the dialog goes through
let current = { name: "", pairs: [] };
let asked = 0; // only the answer to the last question is shown

function element(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") e.textContent = value;
    else if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else e.setAttribute(name, value === true ? "" : value);
  }
  e.append(...children.filter(c => c));
  return e;
}

async function ask(path) {
  let answer;
  try { answer = await fetch(path); } catch { throw new Error("runner browse does not answer: was it ended?"); }
  if (!answer.ok) throw new Error((await answer.text()).trim());
  return answer.json();
}

const imagePath = pair => "image?key=" + encodeURIComponent(pair.key);

function picture(pair) {
  if (!pair.key) return element("span", { class: "noimage", text: "no image" });
  const img = element("img", { src: imagePath(pair), alt: "image of row " + pair.row, loading: "lazy", decoding: "async" });
  img.addEventListener("error", () => img.replaceWith(element("span", { class: "noimage", text: "not shown" })));
  return img;
}

function card(pairs, i) {
  const pair = pairs[i];
  const kind = pair.label ? (pair.right === true ? " right" : current.name ? " other" : "") : "";
  const button = element("button", { type: "button", class: "card" + kind, onclick: () => show(pairs, i) },
    picture(pair),
    element("span", { class: "caption", text: pair.caption || "(no caption)" }),
    element("span", { class: "numbers", text: `${pair.rank ? "rank " + pair.rank + " · " : ""}${pair.modality ? pair.modality + " · " : ""}${pair.modality ? pair.score.toFixed(3) : ""}` }),
    pair.label ? element("span", { class: "numbers", text: "label: " + pair.label }) : null,
    (pair.marks || []).length ? element("span", { class: "marks" }, ...pair.marks.map(m => element("span", { class: "mark " + m.kind, text: m.text }))) : null);
  return element("li", {}, button);
}

function cards(list, pairs) { list.replaceChildren(...pairs.map((_, i) => card(pairs, i))); }

function show(pairs, i) {
  open = { pairs, at: i };
  const pair = pairs[i];
  const facts = element("dl", {});
  const fact = (name, value) => { if (value !== undefined && value !== "") facts.append(element("dt", { text: name }), element("dd", {}, typeof value === "string" ? document.createTextNode(value) : value)); };
  fact("caption", pair.caption);
  fact("score", pair.modality ? `${pair.score.toFixed(4)} (${pair.modality}, rank ${pair.rank})` : "");
  fact("found by", pair.query || "");
  fact("label", pair.label || "");
  fact("row", String(pair.row));
  fact("key", pair.key || "");
  fact("address", /^https?:\/\//i.test(pair.url || "") ? element("a", { href: pair.url, rel: "noreferrer noopener", target: "_blank", text: pair.url }) : pair.url || "");
  fact("marks", (pair.marks || []).map(m => m.text).join("; "));
  const inside = [pair.key ? element("img", { src: imagePath(pair), alt: pair.caption || "image of row " + pair.row }) : null, facts];
  if ((pair.found || []).length) {
    const rows = pair.found.map(f => element("tr", {}, ...[f.class, f.prompt, f.modality, f.rank, f.score.toFixed(4)].map(v => element("td", { text: v }))));
    inside.push(element("div", { class: "scroll" }, element("table", {}, element("thead", {}, element("tr", {}, ...["class", "prompt", "modality", "rank", "score"].map(h => element("th", { scope: "col", text: h })))), element("tbody", {}, ...rows))));
  }
  $("inside").replaceChildren(...inside.filter(c => c));
  $("before").disabled = i === 0;
  $("after").disabled = i === pairs.length - 1;
  if (!$("detail").open) $("detail").showModal();
}
function step(by) {
  const to = open.at + by;
  if (to >= 0 && to < open.pairs.length) show(open.pairs, to);
}

// Search.
async function search(params) {
  const mine = ++asked;
  $("q").value = params.get("q") || "";
  if (params.get("k")) $("k").value = params.get("k");
  $("by").value = site.by.some(s => s.by === params.get("by")) ? params.get("by") : $("by").options[0]?.value ?? "";
  $("said").className = "soft";
  if (!params.get("q")) { $("found").replaceChildren(); $("said").textContent = ""; return; }
  $("said").textContent = "searching …";
  try {
    const by = $("by").value === "both" ? "" : $("by").value;
    const answer = await ask("api/search?" + new URLSearchParams({ q: params.get("q"), k: $("k").value, by }));
    if (mine !== asked) return;
    $("found").replaceChildren(...answer.sides.flatMap(side => {
      const list = element("ul", { class: "cards" });
      cards(list, side.pairs || []);
      return [element("h2", { text: `Nearest ${sideNames[side.by] || side.by}` }), list];
    }));
    const n = answer.sides.reduce((sum, side) => sum + (side.pairs || []).length, 0);
    $("said").textContent = `${n} rows in ${answer.seconds.toFixed(2)} s`;
  } catch (e) {
    if (mine !== asked) return;
    $("found").replaceChildren();
    $("said").className = "error";
    $("said").textContent = e.message;
  }
}
$("form").addEventListener("submit", e => {
  e.preventDefault();
  const to = "#/search?" + new URLSearchParams({ q: $("q").value.trim(), k: $("k").value, by: $("by").value });
  if (location.hash === to) route(); else location.hash = to;
});

// Classes.
const classPath = name => "#/class/" + encodeURIComponent(name);
const shownClasses = () => {
  const want = $("filter").value.trim().toLowerCase();
  return site.classes.filter(c => c.name.toLowerCase().includes(want));
};
function listClasses() {
  const rows = shownClasses().map(c => element("li", {}, element("a", { href: classPath(c.name), "aria-current": c.name === current.name ? "true" : undefined },
    element("span", { text: c.name }), element("small", { text: `${c.pairs}${c.precision === undefined ? "" : " · " + Math.round(100 * c.precision) + " %"}${c.marked ? " · " + c.marked + " ⚑" : ""}` }))));
  $("list").replaceChildren(...(rows.length ? rows : [element("li", { class: "soft", text: "no class is called so" })]));
}
async function showClass(name) {
  const mine = ++asked;
  name = name || site.classes[0]?.name || "";
  const fresh = current.name !== name;
  current = { name, pairs: fresh ? [] : current.pairs };
  $("class-name").textContent = name;
  $("class-said").className = "soft";
  $("pairs").setAttribute("aria-busy", "true");
  listClasses();
  $("list").querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  try {
    const pairs = await ask("api/class?" + new URLSearchParams({ name }));
    if (mine !== asked) return;
    current.pairs = pairs || [];
    listPairs();
  } catch (e) {
    if (mine !== asked) return;
    $("pairs").replaceChildren();
    $("pairs").removeAttribute("aria-busy");
    $("class-said").className = "error";
    $("class-said").textContent = e.message;
  }
}
function listPairs() {
  const modality = $("modality").value, order = $("order").value;
  let pairs = current.pairs.filter(p => (!modality || p.modality === modality) && (!$("marked").checked || (p.marks || []).length));
  if (order === "score") pairs = [...pairs].sort((a, b) => b.score - a.score);
  if (order === "worst") pairs = [...pairs].sort((a, b) => a.score - b.score);
  cards($("pairs"), pairs);
  $("pairs").removeAttribute("aria-busy");
  const labelled = current.pairs.filter(p => p.label);
  const right = labelled.filter(p => p.right).length;
  $("class-said").textContent = !current.pairs.length ? "nothing was retrieved for this class" : `${pairs.length} of ${current.pairs.length} pairs${labelled.length ? `, ${right} of ${labelled.length} labelled ones are of the class` : ""}`;
}
function go(by) {
  const list = shownClasses();
  const at = list.findIndex(c => c.name === current.name);
  const to = list[at < 0 ? 0 : at + by];
  if (to) location.hash = classPath(to.name);
}
$("filter").addEventListener("input", listClasses);
$("filter").addEventListener("keydown", e => { if (e.key === "Enter") { const first = shownClasses()[0]; if (first) location.hash = classPath(first.name); } });
for (const id of ["modality", "order", "marked"]) $(id).addEventListener("change", listPairs);
$("previous").addEventListener("click", () => go(-1));
$("next").addEventListener("click", () => go(1));

// Views.
function decoded(text) { try { return decodeURIComponent(text); } catch { return text; } } // an address typed by hand
function route() {
  const hash = location.hash || (site.classes.length ? "#/class" : site.by.length ? "#/search" : "#/about");
  const [path, query] = hash.slice(2).split(/\?(.*)/s);
  const [view, ...rest] = path.split("/");
  const name = { search: "search", class: "classes", about: "about" }[view] || "about";
  for (const id of ["search", "classes", "about"]) {
    $(id).hidden = id !== name;
    const link = $("to-" + id);
    if (link) { if (id === name) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current"); }
  }
  if (name !== "classes") current = { name: "", pairs: [] };
  if (name === "search") search(new URLSearchParams(query || ""));
  if (name === "classes") showClass(decoded(rest.join("/")));
}
addEventListener("hashchange", () => { if ($("detail").open) $("detail").close(); route(); });

// Keys.
function flip() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* private windows */ }
}
function move(key) {
  const list = [...document.querySelectorAll("main section:not([hidden]) .card")];
  const at = list.indexOf(document.activeElement);
  if (at < 0) { if (list.length) list[0].focus(); return; }
  const top = list[at].getBoundingClientRect().top;
  const columns = Math.max(1, list.filter(c => Math.abs(c.getBoundingClientRect().top - top) < 2).length);
  const to = at + { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key];
  list[to]?.focus();
}
addEventListener("keydown", e => {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  if ($("detail").open) {
    if (e.key === "ArrowLeft" || e.key === "ArrowRight") { e.preventDefault(); step(e.key === "ArrowLeft" ? -1 : 1); }
    return;
  }
  if ($("keys").open) return;
  const typing = e.target.matches?.("input:not([type=checkbox]), select, textarea");
  if (typing) { if (e.key === "Escape") e.target.blur(); return; }
  if (e.key.startsWith("Arrow") && (document.activeElement === document.body || document.activeElement.matches(".card, main"))) { e.preventDefault(); move(e.key); return; }
  const action = {
    "/": () => { const box = !$("classes").hidden ? $("filter") : $("q"); if (box === $("q") && $("search").hidden && site.by.length) location.hash = "#/search"; box.focus(); box.select(); },
    n: () => { if (!$("classes").hidden) go(1); }, p: () => { if (!$("classes").hidden) go(-1); },
    t: flip, "?": () => $("keys").showModal(),
  }[e.key];
  if (action) { e.preventDefault(); action(); }
});
$("theme").addEventListener("click", flip);
$("help").addEventListener("click", () => $("keys").showModal());
$("keys-close").addEventListener("click", () => $("keys").close());
$("close").addEventListener("click", () => $("detail").close());
$("before").addEventListener("click", () => step(-1));
$("after").addEventListener("click", () => step(1));
for (const id of ["detail", "keys"]) $(id).addEventListener("click", e => { if (e.target === $(id)) $(id).close(); });

try { const kept = localStorage.getItem("theme"); if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept; } catch { /* private windows */ }
(async () => {
  try { site = Object.assign(site, await ask("api/site")); } catch (e) {
    $("about").hidden = false;
    $("about").textContent = e.message;
    return;
  }
  site.classes ||= []; site.by ||= []; site.facts ||= [];
  $("k").max = site.maxK;
  document.body.classList.toggle("text-only", !site.images);
  if (site.by.length > 1) $("by").append(element("option", { value: "both", text: "images and captions" }));
  for (const side of site.by) $("by").append(element("option", { value: side.by, text: `${sideNames[side.by] || side.by} (${side.how})` }));
  for (const f of site.facts) $("facts").append(element("dt", { text: f.name }), element("dd", { text: f.value }));
  route();
  document.body.dataset.ready = "true";
})();
