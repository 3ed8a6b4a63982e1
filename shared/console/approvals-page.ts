import { randomUUID } from "node:crypto";
import { html } from "hono/html";
import { missingText, progressText } from "../approvals/rules.ts";
import type { EpochMillis } from "../host/clock.ts";
import type { ListedApproval, ListedApprovals } from "../http/approvals.ts";
import type { EndedApprovals } from "../http/ended-approvals.ts";
import type { ShownApproval } from "../http/shown-approval.ts";
import type { ShownRun } from "../model/approval.ts";
import { APPROVAL_WORDS } from "../model/state-words.ts";
import { roleRequestsNotice } from "./access-page.ts";
import { commitsText } from "./commits.ts";
import { formTokenField } from "./csrf.ts";
import {
  badge,
  deliveryLink,
  facts,
  type Html,
  NOTHING,
  outsideLink,
  timeAndAge,
  withTimes,
  wordsBadge,
} from "./html.ts";
import { named, personText } from "./person-text.ts";
import type { ApiResult, Page, Visit } from "./visit.ts";
import { waitsForCaller } from "./waiting.ts";

/**
 * The open approvals: first those that wait for this person, then those that the person may only deny or withdraw, and, for
 * whoever may read deliveries, those that wait for others. With `state=ended`, those that need no decision. With `id`, only
 * that one: a message leads to it.
 */
export async function approvalsPage(visit: Visit): Promise<ApiResult<Page>> {
  if (visit.url.searchParams.get("state") === "ended") return endedPage(visit);
  const listed = await visit.ask<ListedApprovals>(`/v1/approvals${visit.mayReadDeliveries ? "?all=true" : ""}`);
  if (!listed.ok) return listed;
  const { approvals, hasMore } = listed.value;
  const id = visit.url.searchParams.get("id");
  const main =
    id === null
      ? html`${roleRequestsNotice(await visit.waiting())}${sections(approvals, visit)}`
      : oneOf(approvals, id, visit);
  const more = hasMore ? html`<p class="aside">More approvals are open than this page looked at.</p>` : NOTHING;
  const ended = visit.mayReadDeliveries
    ? html`<p><a href="/console/approvals?state=ended">Decided approvals</a></p>`
    : NOTHING;
  return { ok: true, value: { title: "Approvals", main: html`${main}${more}${ended}`, refreshSeconds: 15 } };
}

function sections(approvals: readonly ListedApproval[], visit: Visit): Html {
  const forYou = approvals.filter(waitsForCaller);
  const own = approvals.filter((one) => !waitsForCaller(one) && one.may.length > 0);
  const others = approvals.filter(({ may }) => may.length === 0);
  return html`${
    forYou.length === 0
      ? html`<p class="empty">No approval is waiting for you.</p>`
      : html`<h2>Waiting for you (${forYou.length})</h2>${forYou.map((one) => card(one, visit))}`
  }
${own.length === 0 ? NOTHING : html`<h2>You may deny or withdraw (${own.length})</h2>${own.map((one) => card(one, visit))}`}
${others.length === 0 ? NOTHING : html`<h2>Waiting for others (${others.length})</h2>${others.map((one) => card(one, visit))}`}`;
}

function oneOf(approvals: readonly ListedApproval[], id: string, visit: Visit): Html {
  const found = approvals.find((one) => one.id === id);
  const all = html`<p><a href="/console/approvals">All open approvals</a></p>`;
  if (found !== undefined) return html`${card(found, visit)}${all}`;
  return html`<p class="notice">The approval <code>${id}</code> is not open, or your roles do not show it. It may have been
decided, or what it is about has changed.</p>${all}`;
}

/** The last to end first, a page of them at a time. */
async function endedPage(visit: Visit): Promise<ApiResult<Page>> {
  const until = visit.url.searchParams.get("until");
  const query = new URLSearchParams({ state: "ended", ...(until && { until }) });
  const listed = await visit.ask<EndedApprovals>(`/v1/approvals?${query}`);
  if (!listed.ok) return listed;
  const { approvals, earlier } = listed.value;
  const rows = approvals.map((one) => endedRow(one, visit));
  const main = html`<p><a href="/console/approvals">Open approvals</a></p>
${
  rows.length === 0
    ? html`<p class="empty">No approval ended in the last 30 days.</p>`
    : html`<table class="list"><thead><tr><th>State</th><th>Decided or ended</th><th>Run</th><th>Requested by</th><th>Decided by</th></tr></thead>
<tbody>${rows}</tbody></table>`
}
${earlier === undefined ? NOTHING : html`<p><a class="button" href="/console/approvals?${new URLSearchParams({ state: "ended", until: earlier })}">Older</a></p>`}`;
  return { ok: true, value: { title: "Decided approvals", main } };
}

function endedRow(approval: ShownApproval, visit: Visit): Html {
  const { state, route, subject, shows, delivery, grants, decision, endedAt, endedFor } = approval;
  const people = decision === undefined || grants.some(({ at }) => at === decision.at) ? grants : [...grants, decision];
  const decided = people.map(
    ({ by, at, comment, emergency, rule }) =>
      html`<li>${emergency ? badge("warn", "emergency") : NOTHING}${personText(by)}${configurationText(rule)} ${timeAndAge(at, visit.now)}${comment === undefined ? NOTHING : html` <q>${comment}</q>`}</li>`,
  );
  const ended = endedAt ?? decision?.at;
  return html`<tr><td data-name="State">${wordsBadge(APPROVAL_WORDS[state])}</td>
<td data-name="Decided or ended">${ended === undefined ? NOTHING : html`${timeAndAge(ended, visit.now)}`}</td>
<td data-name="Subject">${deliveryLink(delivery, `${route} of ${shows?.title ?? subject}`)}</td>
<td data-name="Requested by">${requesterText(approval, visit)}</td>
<td data-name="Decided by">${decided.length === 0 ? "nobody" : html`<ul class="parts">${decided}</ul>`}${endedFor === undefined ? NOTHING : html`: ${withTimes(endedFor, visit.now)}`}</td></tr>`;
}

/**
 * Grants, denies or withdraws an approval. Returns the path of the next page: the delivery that waited, with what followed.
 * Somebody who may not read it gets a page that says what was decided.
 */
export async function submitDecision(
  visit: Visit,
  form: URLSearchParams,
  id: string,
): Promise<ApiResult<string | Page>> {
  const comment = form.get("comment")?.trim();
  const body = { decision: form.get("decision"), ...(comment && { comment }) };
  const post = { body, key: form.get("key") ?? "" };
  const decided = await visit.ask<ShownApproval>(`/v1/approvals/${encodeURIComponent(id)}`, post);
  if (!decided.ok) return decided;
  const { delivery, route, subject, state } = decided.value;
  if (visit.mayReadDeliveries) return { ok: true, value: `/console/deliveries/${delivery}` };
  const main = html`<p class="notice">The approval <code>${id}</code> for ${route} of ${subject} is ${state}.</p>
<p><a href="/console/approvals">Other approvals</a></p>`;
  return { ok: true, value: { title: "Approvals", main } };
}

function card(approval: ListedApproval, visit: Visit): Html {
  const {
    id,
    route,
    state,
    subject,
    delivery,
    requestedAt,
    until,
    approvers,
    shows,
    verifyWith,
    progress,
    authors,
    opensAt,
  } = approval;
  return html`<article class="card" aria-labelledby="${id}">
<h2 id="${id}">${stateBadge(approval)}
${route} of ${shows?.title ?? subject}</h2>
${facts([
  ["Parameters", paramsText(approval)],
  ["For", shows?.title === undefined ? undefined : causeText(shows.title, shows)],
  ["Commits", commitsText(approval.shows)],
  ["Change", changeText(approval, visit.now)],
  ["Requested by", requesterText(approval, visit)],
  ["Approved by", approval.grants.length === 0 ? undefined : grantsText(approval, visit.now)],
  ["Still missing", state === "granted" ? undefined : missingText(approvers, progress)],
  ["Window opens", opensAt && html`${timeAndAge(opensAt, visit.now)}`],
  ["Expires", timeAndAge(until, visit.now)],
])}
<details class="more"><summary>Details</summary>${facts([
    ["Subject", subject],
    ["Author", shows?.author],
    ["Requested", timeAndAge(requestedAt, visit.now)],
    ["Compared with", verifyWith ?? "the newest event only"],
    [
      "Replayed from",
      authors &&
        html`${authors.map((who, at) => html`${at === 0 ? "" : ", "}${personText(who, shows?.accountNames)}`)}`,
    ],
    ["Approved by", approval.grants.length === 0 ? "nobody yet" : undefined],
    ["Progress", progress && progressText(progress)],
    ["Delivery", deliveryLink(delivery)],
  ])}</details>
${decisionForm(approval, visit)}
${approval.may.includes("emergency") ? emergencyForm(approval, visit) : NOTHING}
</article>`;
}

/** The commits have their own link to what changed. */
const causeText = (title: string, { url, commits, diffUrl }: ShownRun): Html =>
  html`${outsideLink(url, title)}${commits === undefined && diffUrl !== undefined ? html` · ${outsideLink(diffUrl, "See what changed")}` : NOTHING}`;

function stateBadge({ state, grants }: ListedApproval): Html {
  const isEmergency = grants.some(({ emergency }) => emergency);
  if (state === "granted" && isEmergency) return badge("warn", "granted in an emergency, not fired yet");
  return wordsBadge(APPROVAL_WORDS[state === "requested" && grants.length > 0 ? "partly_granted" : state]);
}

/** The name that the sender gives the person; what was proved is its tooltip. Without a name, what was proved. */
function requesterText({ requester, shows }: ShownApproval, visit: Visit): Html {
  const you = visit.isMe(requester) ? " (you)" : "";
  const name = shows?.requesterName;
  return name === undefined ? html`${personText(requester)}${you}` : named(name, requester, you);
}

function paramsText({ shows }: ShownApproval): Html | undefined {
  const params = Object.entries(shows?.params ?? {});
  if (params.length === 0) return undefined;
  return html`<ul class="parts">${params.map(([name, value]) => html`<li><code>${name}</code> = <code>${value}</code></li>`)}</ul>`;
}

function grantsText({ grants }: ShownApproval, now: EpochMillis): Html | string {
  const lines = grants.map(
    ({ by, at, comment, emergency, rule }) =>
      html`${emergency ? badge("warn", "emergency") : NOTHING}${personText(by)}${configurationText(rule)} ${timeAndAge(at, now)}${comment === undefined ? NOTHING : html` <q>${comment}</q>`}`,
  );
  if (lines.length < 2) return lines[0] ?? "nobody yet";
  return html`<ul class="parts">${lines.map((line) => html`<li>${line}</li>`)}</ul>`;
}

/** The configuration of a rule that granted a run. */
const configurationText = (rule: ShownApproval["grants"][number]["rule"]): Html =>
  rule?.configuration === undefined ? NOTHING : html` of configuration <code>${rule.configuration}</code>`;

/** The change that is waiting. A newer change supersedes the approval and removes it from this page. */
function changeText({ changedAt, version }: ShownApproval, now: EpochMillis): Html | undefined {
  if (changedAt === undefined) return undefined;
  return html`${version === undefined ? NOTHING : html`version <code title="${version}">${isCommit(version) ? version.slice(0, 8) : version}</code>, `}changed ${timeAndAge(changedAt, now)}`;
}

/** The first digits of a commit identify it. The parameters of the run show it whole. */
const isCommit = (version: string): boolean => /^[0-9a-f]{40}$/.test(version);

/** Each decision is behind a step that says what it will do. The steps work without a script. */
function decisionForm(approval: ListedApproval, visit: Visit): Html {
  const { requester, may } = approval;
  const steps = DECISION_STEPS.filter(([decision]) => may.includes(decision));
  if (steps.length === 0) return NOTHING;
  return html`<div class="decide">${steps.map((step) => decisionStep(step, approval, visit))}
${visit.isMe(requester) ? html`<span class="aside">Somebody else has to decide.</span>` : NOTHING}</div>`;
}

function decisionStep(
  [decision, name, whatFollows]: (typeof DECISION_STEPS)[number],
  approval: ListedApproval,
  visit: Visit,
): Html {
  const { id, route, needsReason } = approval;
  const isReason = decision === "grant" && needsReason === true;
  return html`<details class="confirm"><summary class="button ${decision}">${name}…</summary>
<form class="decide" method="post" action="/console/approvals/${encodeURIComponent(id)}">
${formTokenField(visit.formToken)}<input type="hidden" name="key" value="${randomUUID()}">
<p>${whatFollows(approval, visit.now)} Your name and the comment are recorded.</p>
<label>${isReason ? "Reason" : "Comment"} <input name="comment" maxlength="300" autocomplete="off"${isReason ? html` required` : NOTHING}></label>
<button name="decision" value="${decision}" class="${decision}">${name} ${route}</button>
</form></details>`;
}

const DECISION_STEPS = [
  ["grant", "Grant", grantText],
  ["deny", "Deny", () => "Nothing runs, and the request ends. A replay of the delivery asks again."],
  ["withdraw", "Withdraw", () => "The request ends as withdrawn, with every approval that it has. Nothing runs."],
] as const;

/** What a grant by one more person does. */
function grantText({ route, subject, progress, opensAt }: ListedApproval, now: EpochMillis): Html {
  const missing = progress === undefined ? 0 : progress.needed - progress.grantedBy.length - 1;
  const run = `${route} runs for ${subject}`;
  if (missing > 0)
    return html`${run} after ${missing === 1 ? "one more person has" : `${missing} more people have`} approved it.`;
  return opensAt === undefined
    ? html`${run} at once, with what is shown above.`
    : html`${run} from ${timeAndAge(opensAt, now)}, when its window opens.`;
}

/** Closed, so that nobody grants in an emergency by one click beside the usual buttons. */
function emergencyForm({ id }: ListedApproval, visit: Visit): Html {
  return html`<details class="emergency"><summary>Emergency</summary>
<p class="hint">Grants the run alone and at once: without the other approvers, and outside the weekly windows. Your name and
the reason are recorded, and an alarm is raised.</p>
<form class="decide" method="post" action="/console/approvals/${encodeURIComponent(id)}">
${formTokenField(visit.formToken)}<input type="hidden" name="key" value="${randomUUID()}">
<label>Reason <input name="comment" maxlength="300" required autocomplete="off"></label>
<button name="decision" value="emergency" class="emergency">Grant in an emergency</button>
</form></details>`;
}
