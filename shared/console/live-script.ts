/**
 * The console's script: keys, times of the browser, dragging over the chart, copying, and what is newer. Every page works
 * without it. It inserts no markup from texts: elements come from the bridge's own pages or are made one by one.
 */
export const LIVE_SCRIPT = `"use strict";
const main = document.getElementById("main");
const status = document.getElementById("live");
const make = (name, text, attributes = {}) => {
  const element = document.createElement(name);
  element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};
const at = (query) => main.querySelector(query);
const all = (query) => [...main.querySelectorAll(query)];

// Times of the browser, with UTC beside them.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const isUtc = (date) => date.getTimezoneOffset() === 0;
const two = (number) => String(number).padStart(2, "0");
const dayOf = (date) => (date.getFullYear() === new Date().getFullYear() ? "" : date.getFullYear() + "-") + two(date.getMonth() + 1) + "-" + two(date.getDate());
const timeOf = (date) => two(date.getHours()) + ":" + two(date.getMinutes());
function localise() {
  for (const time of all("time")) {
    const date = new Date(time.dateTime);
    if (time.dataset.local || Number.isNaN(date.getTime())) continue;
    time.dataset.local = "yes";
    const exact = dayOf(date) + " " + timeOf(date) + ":" + two(date.getSeconds());
    const more = time.title === time.dateTime ? [] : [time.title];
    time.title = [...more, exact + " (" + zone + ")", time.dateTime].join(", ");
    if (isUtc(date) || time.classList.contains("as-is")) continue;
    const isToday = dayOf(date) === dayOf(new Date());
    const isSameDay = time.dateTime.slice(8, 10) === two(date.getDate());
    const utc = (isSameDay ? "" : time.dateTime.slice(5, 10) + " ") + time.dateTime.slice(11, 16) + " UTC";
    time.replaceChildren((isToday ? "" : dayOf(date) + " ") + timeOf(date) + ":" + two(date.getSeconds()), " ", make("span", utc, { class: "utc" }));
  }
  for (const figure of all("figure.range")) {
    if (figure.dataset.local) continue;
    figure.dataset.local = "yes";
    localiseAxis(figure.querySelector(".axis"), figure.dataset);
    for (const link of figure.querySelectorAll(".hits a")) localiseTitle(link);
  }
}

function localiseTitle(link) {
  const query = new URLSearchParams(link.getAttribute("href"));
  const [from, to] = ["since", "until"].map((name) => new Date(query.get(name) + "Z"));
  const title = link.querySelector("title");
  if (!isUtc(from)) title.textContent = dayOf(from) + " " + timeOf(from) + "–" + timeOf(to) + " (" + title.textContent.replace(": ", "): ");
}

// The labels stand at whole times of the browser's zone, which may be hours and a half or three quarters from UTC.
function localiseAxis(axis, { from, to }) {
  const [start, end] = [from, to].map((text) => Date.parse(text + "Z"));
  const step = Number(axis.dataset.step);
  const day = 24 * 3600 * 1000;
  const offset = (time) => new Date(time).getTimezoneOffset() * 60000;
  if (offset(start) === 0 && offset(end) === 0) return;
  const add = (name, attributes, text) => {
    const element = document.createElementNS(axis.namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = text;
    axis.append(element);
  };
  axis.replaceChildren();
  for (let wall = Math.ceil((start - offset(start)) / step) * step; wall <= end - offset(end); wall += step) {
    const time = wall + offset(wall + offset(start));
    const x = ((time - start) / (end - start)) * 100;
    if (x <= 3 || x >= 97) continue;
    const date = new Date(time);
    add("line", { x1: x + "%", x2: x + "%", y1: "0", y2: "4" }, "");
    add("text", { x: x + "%", y: "15" }, wall % day === 0 ? date.toLocaleDateString("en-GB", { day: "2-digit", month: "short" }) : timeOf(date));
  }
  add("text", { class: "zone", x: "100%", dx: "5", y: "15" }, "local");
}

// Copying.
function addCopyButtons() {
  if (!navigator.clipboard) return;
  for (const element of all("[data-copy]")) {
    if (element.nextElementSibling?.classList.contains("copy")) continue;
    const button = make("button", "Copy", { type: "button", class: "copy plain" });
    button.setAttribute("aria-label", "Copy " + element.dataset.copy);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(element.dataset.text ?? element.textContent.trim());
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    element.after(button);
  }
}

// Selection.
const boxes = () => all("table.rows tbody .select input");
function countSelected() {
  const button = at(".bulk [value=selected]");
  if (!button) return;
  const count = boxes().filter((box) => box.checked).length;
  button.textContent = count === 0 ? "Run the selected again…" : "Run " + count + " selected again…";
}
function addSelectAll() {
  const head = at("table.rows thead .select");
  if (!head || head.querySelector("input")) return;
  const box = make("input", "", { type: "checkbox", "aria-label": "Select all rows" });
  box.addEventListener("change", () => { for (const one of boxes()) one.checked = box.checked; countSelected(); });
  head.append(box);
  head.closest("table").addEventListener("change", countSelected);
}

// A drag over the chart is the range.
function addBrush() {
  const figure = at("figure.range");
  const plot = figure?.querySelector(".plot");
  if (!plot || figure.dataset.brush) return;
  figure.dataset.brush = "yes";
  const [from, to] = [figure.dataset.from, figure.dataset.to].map((text) => Date.parse(text + "Z"));
  const box = () => { const { left } = plot.getBoundingClientRect(); return { left, width: plot.getBoundingClientRect().width - parseFloat(getComputedStyle(plot).paddingRight) }; };
  let start, mark, dragged = false;
  figure.addEventListener("pointerdown", (event) => { if (event.button === 0 && event.target.closest("svg")) { start = event.clientX; dragged = false; } });
  figure.addEventListener("dragstart", (event) => event.preventDefault());
  figure.addEventListener("pointermove", (event) => {
    if (start === undefined || Math.abs(event.clientX - start) < 8) return;
    dragged = true;
    if (!mark) { mark = make("div", "", { class: "brush" }); figure.append(mark); }
    mark.style.left = Math.min(start, event.clientX) - figure.getBoundingClientRect().left + "px";
    mark.style.width = Math.abs(event.clientX - start) + "px";
  });
  figure.addEventListener("click", (event) => { if (dragged) event.preventDefault(); }, true);
  addEventListener("pointerup", (event) => {
    const begin = start;
    start = undefined;
    mark?.remove();
    mark = undefined;
    if (begin === undefined || !dragged) return;
    const { left, width } = box();
    const timeAt = (x) => from + Math.min(1, Math.max(0, (x - left) / width)) * (to - from);
    const ends = [begin, event.clientX].map(timeAt).sort((a, b) => a - b);
    const minute = (time) => new Date(time).toISOString().slice(0, 16);
    const query = new URLSearchParams(location.search);
    for (const name of ["within", "cursor"]) query.delete(name);
    query.set("since", minute(Math.floor(ends[0] / 60000) * 60000));
    query.set("until", minute(Math.ceil(ends[1] / 60000) * 60000));
    location.search = query.toString();
  });
}

// Keys.
const KEYS = [["/", "find"], ["j", "next row or delivery"], ["k", "previous row or delivery"], ["Enter", "open the row"], ["x", "select the row"], ["p", "pause or go on refreshing"], ["?", "these keys"]];
let help;
function showHelp() {
  if (!help) {
    help = make("dialog", "", { "aria-labelledby": "keys" });
    help.append(make("h2", "Keys", { id: "keys" }));
    const list = make("dl", "");
    for (const [key, words] of KEYS) { const name = make("dt", ""); name.append(make("kbd", key)); list.append(name, make("dd", words)); }
    const form = make("form", "", { method: "dialog" });
    form.append(make("button", "Close"));
    help.append(list, form);
    document.body.append(help);
  }
  if (!help.open) help.showModal();
}
const rows = () => all("table.rows tbody .c-what a");
function move(step) {
  const near = at(step > 0 ? "a[rel=next]" : "a[rel=prev]");
  if (near) return near.click();
  const links = rows();
  const now = links.indexOf(document.activeElement?.closest("tr")?.querySelector(".c-what a"));
  const next = links[Math.min(links.length - 1, Math.max(0, now + step))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help?.open) return;
  const field = event.target.closest("input:not([type=checkbox]), select, textarea");
  if (field) { if (event.key === "Escape") field.blur(); return; }
  const act = {
    "/": () => { const find = at("input[name=find]"); if (find) { find.focus(); find.select(); } else location.href = "/console/deliveries"; },
    j: () => move(1),
    k: () => move(-1),
    x: () => document.activeElement?.closest("tr")?.querySelector(".select input")?.click(),
    p: () => setPaused(!isPaused),
    "?": showHelp,
  }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

// Refreshing, unless a person is using the page.
let isPaused = false;
let pause;
const seconds = Number(main.dataset.refreshSeconds ?? 0);
const said = seconds > 0 ? "Refreshed every " + seconds + " s" : "";
status.append(said);
function setPaused(value) {
  if (seconds === 0) return;
  isPaused = value;
  pause.textContent = isPaused ? "Go on refreshing (p)" : "Pause refreshing (p)";
  status.firstChild.textContent = isPaused ? "Paused" : said;
}
const isInUse = () =>
  isPaused || document.hidden || help?.open || main.querySelector("details[open], :is(input, select, textarea, button):focus, .brush") !== null ||
  all("input:not([type=hidden])").some((field) => field.value !== field.defaultValue || field.checked !== field.defaultChecked);
async function pageAt(address) {
  const response = await fetch(address, { redirect: "manual" }).catch(() => undefined);
  if (!response?.ok) {
    status.textContent = "Refresh stopped: reload the page";
    for (const timer of timers) clearInterval(timer);
    return undefined;
  }
  return new DOMParser().parseFromString(await response.text(), "text/html").getElementById("main");
}
function enhance() { localise(); addCopyButtons(); addSelectAll(); addBrush(); countSelected(); }
async function refresh() {
  if (isInUse()) return;
  const page = await pageAt(location.href);
  if (!page || isInUse()) return;
  const focused = document.activeElement?.getAttribute("href");
  // The menu has the number of approvals that wait.
  const menu = document.querySelector("nav");
  if (!menu.contains(document.activeElement)) menu.replaceChildren(...page.ownerDocument.querySelector("nav").childNodes);
  main.replaceChildren(...page.childNodes);
  enhance();
  if (focused) all("a").find((link) => link.getAttribute("href") === focused)?.focus();
}
async function addNewer() {
  const table = at("table[data-newest]");
  if (!table || isPaused || document.hidden) return;
  const query = new URLSearchParams(location.search);
  query.set("newer", table.dataset.newest);
  const page = await pageAt("?" + query);
  const found = page?.querySelector("table[data-newest]");
  if (!found || !table.isConnected) return;
  const idOf = (row) => /d-[a-z2-7]+/.exec(row.querySelector(".c-what a")?.getAttribute("href") ?? "")?.[0];
  const known = new Set([...table.tBodies[0].rows].map(idOf));
  const added = [...found.tBodies[0].rows].filter((row) => !known.has(idOf(row)));
  if (added.length === 0) return;
  table.tBodies[0].prepend(...added);
  table.dataset.newest = found.dataset.newest;
  localise();
}
const timers = [];
if (seconds > 0) {
  pause = make("button", "Pause refreshing (p)", { type: "button", class: "plain", "aria-keyshortcuts": "p" });
  pause.addEventListener("click", () => setPaused(!isPaused));
  status.append(pause);
  timers.push(setInterval(refresh, seconds * 1000));
  if (at("table[data-newest]")) timers.push(setInterval(addNewer, 5000));
}
const hint = make("button", "Keys (?)", { type: "button", class: "plain" });
hint.addEventListener("click", showHelp);
status.append(hint);
enhance();
`;
