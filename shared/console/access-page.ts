import { randomUUID } from "node:crypto";
import { html } from "hono/html";
import type { ListedAccess, PlacedAccess, ShownAccess } from "../http/access.ts";
import { APPROVAL_WORDS } from "../model/state-words.ts";
import { formTokenField } from "./csrf.ts";
import { badge, facts, type Html, NOTHING, timeAndAge, wordsBadge } from "./html.ts";
import { personText } from "./person-text.ts";
import type { ApiResult, Page, Visit, WaitingApprovals } from "./visit.ts";

const PATH = "/console/access";

/** The requests for roles that wait, who holds which role until when, the form to request one, and what is over. */
export async function accessPage(visit: Visit): Promise<ApiResult<Page>> {
  const listed = await visit.ask<ListedAccess>("/v1/access");
  if (!listed.ok) return listed;
  const { roles, access, hasMore } = listed.value;
  const open = access.filter(({ state }) => OPEN_STATES.includes(state));
  const over = access.filter((one) => !open.includes(one));
  const main = html`<p>A role for a time is requested by one person and granted by another. It ends by itself.</p>
${open.length === 0 ? html`<p class="empty">Nobody that you may know of holds or requests a role for a time.</p>` : open.map((one) => card(one, visit))}
${roles.length === 0 ? NOTHING : requestForm(roles, visit)}
${over.length === 0 ? NOTHING : html`<h2>Over</h2>${overTable(over, visit)}`}
${hasMore ? html`<p class="aside">More requests are over than are shown.</p>` : NOTHING}`;
  return { ok: true, value: { title: "Access", main, refreshSeconds: 15 } };
}

/** Leads to the requests for roles that this person may grant. Nothing if there is none. */
export function roleRequestsNotice({ roleRequests }: WaitingApprovals): Html {
  if (roleRequests === 0) return NOTHING;
  const what = roleRequests === 1 ? "One request" : `${roleRequests} requests`;
  return html`<p class="notice warn"><a href="${PATH}">${what} for a role</a> ${roleRequests === 1 ? "waits" : "wait"} for you.</p>`;
}

/** Requests a role. Returns the path of the next page, or that page with why no second request was made. */
export async function submitAccess(visit: Visit, form: URLSearchParams): Promise<ApiResult<string | Page>> {
  const body = {
    role: form.get("role") ?? "",
    minutes: Number(form.get("minutes")),
    reason: form.get("reason")?.trim() ?? "",
  };
  const placed = await visit.ask<PlacedAccess>("/v1/access", { body, key: form.get("key") ?? "" });
  if (!placed.ok) return placed;
  const { status, state } = placed.value;
  if (status === "accepted" || !OPEN_STATES.includes(state)) return { ok: true, value: PATH };
  const page = await accessPage(visit);
  if (!page.ok) return page;
  // It is not refreshed, so that the notice stays.
  const { title, main } = page.value;
  return { ok: true, value: { title, main: html`${standsNotice(placed.value, visit)}${main}` } };
}

const OPEN_STATES: readonly ShownAccess["state"][] = ["requested", "granted"];

function standsNotice({ role, state, requestedAt, minutes, reason }: ShownAccess, { now }: Visit): Html {
  return html`<p class="notice warn" role="status">Your request for ${role} from ${timeAndAge(requestedAt, now)}, for ${minutes} minutes,
${state === "granted" ? "is granted" : "still waits"}: <q>${reason}</q>. No second one was made, and another time does not count.</p>`;
}

/** Grants, denies or revokes. Returns the path of the next page. */
export async function decideAccessForm(visit: Visit, form: URLSearchParams, id: string): Promise<ApiResult<string>> {
  const comment = form.get("comment")?.trim();
  const body = { decision: form.get("decision"), ...(comment && { comment }) };
  const post = { body, key: form.get("key") ?? "" };
  const decided = await visit.ask<ShownAccess>(`/v1/access/${encodeURIComponent(id)}`, post);
  return decided.ok ? { ok: true, value: PATH } : decided;
}

function stateBadge(state: ShownAccess["state"]): Html {
  return state === "ended" || state === "revoked" ? badge("quiet", state) : wordsBadge(APPROVAL_WORDS[state]);
}

function card(access: ShownAccess, visit: Visit): Html {
  const { id, role, state, minutes, reason, requester, requestedAt, until, decision, approvers, isOwn } = access;
  const { now } = visit;
  const time = html`${timeAndAge(until, now)}`;
  return html`<article class="card" aria-labelledby="${id}">
<h2 id="${id}">${stateBadge(state)} ${role}</h2>
${facts([
  [state === "granted" ? "Held by" : "Requested by", html`${personText(requester)}${isOwn ? " (you)" : ""}`],
  ["For", `${minutes} minutes`],
  ["Reason", reason],
  ["Granted by", decision && html`${personText(decision.by)}${commentText(decision.comment)}`],
  ["Still missing", state === "requested" ? approvers.join(" or ") || "a role that none has" : undefined],
  ["Requested", timeAndAge(requestedAt, now)],
  [state === "granted" ? "Ends" : "Expires", time],
])}
${decisionSteps(access, visit)}
</article>`;
}

const commentText = (comment: string | undefined): Html => (comment === undefined ? NOTHING : html` <q>${comment}</q>`);

const STEPS = [
  ["grant", "Grant", ({ role, minutes }: ShownAccess) => `${role} counts at once, for ${minutes} minutes.`],
  ["deny", "Deny", () => "The request ends. It can be made again."],
  ["revoke", "Revoke", ({ role }: ShownAccess) => `${role} counts for no further call, and the request ends.`],
] as const;
const WITHDRAW = ["revoke", "Withdraw", () => "The request ends. It can be made again."] as const;
type Step = (typeof STEPS)[number] | typeof WITHDRAW;

/** A request that waits is withdrawn by its requester and denied by others: for the API, the former is `revoke`. */
function decisionSteps(access: ShownAccess, visit: Visit): Html {
  const { state, isOwn, may } = access;
  const steps = STEPS.flatMap((step): readonly Step[] => {
    const [decision] = step;
    if (!may.includes(decision)) return [];
    if (decision !== "revoke" || state !== "requested") return [step];
    return isOwn ? [WITHDRAW] : [];
  });
  return steps.length === 0
    ? NOTHING
    : html`<div class="decide">${steps.map((step) => decisionStep(step, access, visit))}</div>`;
}

/** Each decision is behind a step that says what it will do. The steps work without a script. */
function decisionStep([decision, name, whatFollows]: Step, access: ShownAccess, visit: Visit): Html {
  const { id, role } = access;
  return html`<details class="confirm"><summary class="button ${decision}">${name}…</summary>
<form class="decide" method="post" action="${PATH}/${encodeURIComponent(id)}">
${formTokenField(visit.formToken)}<input type="hidden" name="key" value="${randomUUID()}">
<p>${whatFollows(access)} Your name and the comment are recorded.</p>
<label>Comment <input name="comment" maxlength="300" autocomplete="off"></label>
<button name="decision" value="${decision}" class="${decision}">${name} ${role}</button>
</form></details>`;
}

const requestForm = (roles: ListedAccess["roles"], { formToken }: Visit): Html => html`<h2>Request a role</h2>
<form class="order" method="post" action="${PATH}">${formTokenField(formToken)}<input type="hidden" name="key" value="${randomUUID()}">
<label>Role <select name="role" required>${roles.map(
  ({ role, maxMinutes, approvers }) =>
    html`<option value="${role}">${role}: at most ${maxMinutes} minutes, granted by ${approvers.join(" or ")}</option>`,
)}</select></label>
<label>Minutes <input name="minutes" type="number" min="1" max="${Math.max(...roles.map(({ maxMinutes }) => maxMinutes))}" value="30" required></label>
<label>Reason <input name="reason" maxlength="300" required autocomplete="off"></label>
<button>Request it</button></form>`;

const overTable = (over: ListedAccess["access"], { now }: Visit): Html => html`<table class="list">
<thead><tr><th>State</th><th>Role</th><th>Requested by</th><th>Until</th><th>Decided by</th><th>Reason</th></tr></thead>
<tbody>${over.map(({ state, role, requester, until, decision, end, reason }) => {
  const last = end ?? decision;
  return html`<tr><td data-name="State">${stateBadge(state)}</td><td data-name="Role">${role}</td>
<td data-name="Requested by">${personText(requester)}</td><td data-name="Until">${timeAndAge(until, now)}</td>
<td data-name="Decided by">${last === undefined ? "nobody" : html`${personText(last.by)}${commentText(last.comment)}`}</td>
<td data-name="Reason">${reason}</td></tr>`;
})}</tbody></table>`;
