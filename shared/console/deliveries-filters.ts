import { html } from "hono/html";
import type { DeliveryCounts } from "../http/delivery-counts.ts";
import { NEEDS_ATTENTION } from "../model/attention.ts";
import { DELIVERY_STATES } from "../model/delivery-state.ts";
import { EVENT_TYPES } from "../model/event.ts";
import { stateText } from "../model/state-words.ts";
import { listQuery, RANGE, WEEK, WITHIN, withinOf } from "./deliveries-query.ts";
import { type Html, NOTHING } from "./html.ts";
import type { Visit } from "./visit.ts";

type Totals = NonNullable<DeliveryCounts["totals"]>;
/** Without words, the value is the text, from which a browser takes spaces away: only for names of the project's own. */
type Option = readonly [value: string, words?: string];

interface Known {
  readonly visit: Pick<Visit, "routes">;
  /** Undefined if the person may not count deliveries: then a source or target is named by its name. */
  readonly totals: Totals | undefined;
}

const OUTCOMES = ["event", "ignored", "unusable", "refused", "audit"] as const;
const FAMILIES = [...new Set(EVENT_TYPES.map((type) => type.slice(0, type.indexOf(".") + 1)))];

/** The form that selects deliveries, and each filter in force with a link that ends it. */
export function filters(fields: URLSearchParams, { visit, totals }: Known): Html {
  const value = (name: string): string => fields.get(name) ?? "";
  const field = (name: string, label: string, more: Html = NOTHING): Html =>
    html`<label><span>${label}</span><input name="${name}" value="${value(name)}" autocomplete="off" ${more}></label>`;
  const choice = (name: string, label: string, options: readonly Option[]): Html =>
    html`<label><span>${label}</span><select name="${name}"${countsOf(name)}>${withChosen(options, value(name)).map(
      ([one, words]) =>
        html`<option${words === undefined ? NOTHING : html` value="${one}"`}${one === value(name) ? html` selected` : NOTHING}>${words ?? one}</option>`,
    )}</select></label>`;
  const named = (name: "source" | "target", label: string, options: readonly Option[] | undefined): Html =>
    options === undefined ? field(name, label) : choice(name, label, [["", "any"], ...options]);
  const sources = totals?.sources.map(({ source, count }): Option => [source, counted(source, count)]);
  const targets = totals?.targets.map(({ target, count }): Option => [target, counted(target, count)]);
  const end = (name: "since" | "until", label: string): Html =>
    html`<label><span>${label} (UTC)</span><input form="between" type="datetime-local" name="${name}" value="${value(name)}"></label>`;
  const within = withinOf(fields);
  const isRange = within === RANGE;
  const times = [...WITHIN, ...(isRange ? [[RANGE, "from … until"] as const] : [])];
  const time = html`<label><span>Time</span><select name="within">${times.map(
    ([one, words]) => html`<option value="${one}"${one === within ? html` selected` : NOTHING}>${words}</option>`,
  )}</select></label>${["since", "until"].map((name) =>
    value(name) === "" ? NOTHING : html`<input type="hidden" name="${name}" value="${value(name)}">`,
  )}`;
  return html`<form class="search" method="get" action="/console/deliveries" role="search">
<div class="find">${field("find", "Find", html`type="search" placeholder="id, commit, page, branch, !12, person" aria-keyshortcuts="/"`)}<button>Show</button></div>
<div class="chosen">${choice("state", "State", statesOf(totals))}${named("source", "Source", sources)}${time}</div>
<details><summary>More filters</summary><div class="others">
${choice("route", "Route", [["", "any"], ...routesOf(visit, totals)])}
${named("target", "Target", targets)}
${choice("type", "Type", TYPES)}
${field("text", "Text", html`type="search"`)}
${choice("outcome", "Receipt", [["", "any"], ...OUTCOMES.map((one): Option => [one, one])])}
${field("principal", "Principal's subject")}
${end("since", "From")}
${end("until", "Until")}
<button form="between" class="plain">Show this time</button>
<label class="check"><input type="checkbox" name="shadow" value="true"${value("shadow") ? html` checked` : NOTHING}><span>only deliveries that shadow mode let in</span></label>
</div></details>
${value("sort") === "" ? NOTHING : html`<input type="hidden" name="sort" value="${value("sort")}">`}
</form>
${betweenForm(fields)}
${inForce(fields)}`;
}

/** What the fields of two times send besides them. It has no field for how far back, so one or the other is in force. */
function betweenForm(fields: URLSearchParams): Html {
  const kept = [...listQuery(fields, { within: undefined, since: undefined, until: undefined, view: undefined })];
  return html`<form id="between" method="get" action="/console/deliveries">${kept.map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  )}</form>`;
}

/** What the numbers of a choice count: of a route or a target only what needs a person. */
const COUNTS: Readonly<Record<string, string>> = {
  state: "routes",
  source: "deliveries",
  route: "deliveries that need attention",
  target: "deliveries that need attention",
};

const countsOf = (name: string): Html =>
  COUNTS[name] === undefined ? NOTHING : html` title="The numbers are those of ${COUNTS[name]}"`;

const counted = (name: string, count: number): string => (count === 0 ? name : `${name} (${count})`);

/** A name that is chosen and not offered, such as that of a route that was removed. */
const withChosen = (options: readonly Option[], chosen: string): readonly Option[] =>
  options.some(([value]) => value === chosen) ? options : [...options, [chosen, chosen]];

/** The states that need a person are one choice, and each state is one. */
function statesOf(totals: Totals | undefined): readonly Option[] {
  const counts = new Map<string, number>(totals?.states.map(({ state, count }) => [state, count]));
  return [
    ["", "any"],
    [NEEDS_ATTENTION.join(), "needs attention"],
    ...DELIVERY_STATES.map((state): Option => [state, counted(stateText(state), counts.get(state) ?? 0)]),
  ];
}

/** Each route with the number of its deliveries that need a person. */
function routesOf({ routes }: Known["visit"], totals: Totals | undefined): readonly Option[] {
  const counts = new Map(totals?.routes.map(({ route, count }) => [route, count]));
  return [...new Set([...routes, ...counts.keys()])].map((route) => [route, counted(route, counts.get(route) ?? 0)]);
}

const TYPES: readonly Option[] = [
  ["", "any"],
  ...FAMILIES.flatMap((family): readonly Option[] => [
    [family, `${family}*`],
    ...EVENT_TYPES.filter((type) => type.startsWith(family)).map((type): Option => [type]),
  ]),
  // In the audit, and listed when it is asked for.
  ["upstream_refused", "refusal at a gateway"],
  ["upstream_refused_in_shadow", "passed a gateway in shadow mode"],
];

const LABELS: Readonly<Record<string, string>> = {
  find: "find",
  text: "text",
  state: "state",
  route: "route",
  target: "target",
  outcome: "receipt",
  type: "type",
  source: "source",
  principal: "principal",
  shadow: "shadow mode",
  within: "the last",
  since: "from",
  until: "until",
};

/** What is selected now. A link takes one away. */
function inForce(fields: URLSearchParams): Html {
  const within = withinOf(fields);
  const isShown = (name: string): boolean => {
    if (name === "within") return within !== RANGE && within !== WEEK;
    const isTime = name === "since" || (name === "until" && (fields.get("since") ?? "") !== "");
    return !isTime || within === RANGE;
  };
  const chosen = Object.keys(LABELS).filter((name) => (fields.get(name) ?? "") !== "" && isShown(name));
  if (chosen.length === 0) return NOTHING;
  return html`<ul class="inforce" aria-label="Filters in force">${chosen.map(
    (name) =>
      html`<li><a href="?${listQuery(fields, { [name]: undefined })}" title="Remove this filter"><span>${LABELS[name]}</span> ${wordsOf(name, fields.get(name) ?? "")} <span aria-hidden="true">×</span><span class="hidden">, remove</span></a></li>`,
  )}<li><a class="all" href="/console/deliveries">Remove all filters</a></li></ul>`;
}

function wordsOf(name: string, value: string): string {
  if (name === "state")
    return value === NEEDS_ATTENTION.join() ? "needs attention" : value.split(",").map(stateText).join(", ");
  if (name === "within") return WITHIN.find(([one]) => one === value)?.[1] ?? value;
  return name === "since" || name === "until" ? `${value.replace("T", " ")} UTC` : value;
}
