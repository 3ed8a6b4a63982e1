import { randomUUID } from "node:crypto";
import { html } from "hono/html";
import { nameOf } from "../approvals/record-step.ts";
import { missingText, progressText } from "../approvals/rules.ts";
import type { EpochMillis } from "../host/clock.ts";
import type { ListedApproval, ListedApprovals } from "../http/approvals.ts";
import type { ShownApproval } from "../http/shown-approval.ts";
import { APPROVAL_WORDS } from "../model/state-words.ts";
import { commitsText } from "./commits.ts";
import { formTokenField } from "./csrf.ts";
import { age, badge, deliveryLink, facts, type Html, NOTHING, outsideLink, wordsBadge } from "./html.ts";
import type { ApiResult, Page, Visit } from "./visit.ts";

/** The open approvals that this person may decide or has requested. */
export async function approvalsPage(visit: Visit): Promise<ApiResult<Page>> {
  const listed = await visit.ask<ListedApprovals>("/v1/approvals");
  if (!listed.ok) return listed;
  const { approvals, hasMore } = listed.value;
  const main =
    approvals.length === 0
      ? html`<p class="empty">No approval is waiting for you.</p>`
      : html`${approvals.map((one) => card(one, visit))}`;
  const more = hasMore ? html`<p class="aside">More approvals are open than this page looked at.</p>` : NOTHING;
  return { ok: true, value: { title: "Approvals", main: html`${main}${more}`, refreshSeconds: 15 } };
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
${route} of ${subject}</h2>
${facts([
  ["Route", route],
  ["Parameters", paramsText(approval)],
  ["For", shows?.title === undefined ? undefined : outsideLink(shows.url, shows.title)],
  ["Commits", commitsText(approval.shows)],
  ["Change", changeText(approval, visit.now)],
  ["Compared with", verifyWith ?? "the newest event only"],
  ["Author", shows?.author],
  ["Requested by", requesterText(approval, visit)],
  ["Replayed from", authors?.map(nameOf).join(", ")],
  ["Requested", age(requestedAt, visit.now)],
  ["Expires", html`${age(until, visit.now)} <span class="aside">${until.slice(0, 16).replace("T", " ")} UTC</span>`],
  ["Approved by", grantsText(approval, visit.now)],
  ["Progress", progress && progressText(progress)],
  ["Still missing", state === "granted" ? undefined : missingText(approvers, progress)],
  ["Window opens", opensAt && html`${age(opensAt, visit.now)} <span class="aside">${opensAt}</span>`],
  ["Delivery", deliveryLink(delivery)],
])}
${decisionForm(approval, visit)}
${approval.may.includes("emergency") ? emergencyForm(approval, visit) : NOTHING}
</article>`;
}

function stateBadge({ state, grants }: ListedApproval): Html {
  const isEmergency = grants.some(({ emergency }) => emergency);
  if (state === "granted" && isEmergency) return badge("warn", "granted in an emergency, not fired yet");
  return wordsBadge(APPROVAL_WORDS[state === "requested" && grants.length > 0 ? "partly_granted" : state]);
}

/** The name that the sender gives the person, then what is proved. */
function requesterText({ requester, shows }: ShownApproval, visit: Visit): Html {
  const proof = `${nameOf(requester)}${visit.isMe(requester) ? " (you)" : ""}`;
  if (shows?.requesterName === undefined) return html`${proof}`;
  return html`${shows.requesterName} <span class="aside">${proof}</span>`;
}

function paramsText({ shows }: ShownApproval): Html | undefined {
  const params = Object.entries(shows?.params ?? {});
  if (params.length === 0) return undefined;
  return html`<ul class="parts">${params.map(([name, value]) => html`<li><code>${name}</code> = <code>${value}</code></li>`)}</ul>`;
}

function grantsText({ grants }: ShownApproval, now: EpochMillis): Html | string {
  const lines = grants.map(
    ({ by, at, comment, emergency }) =>
      html`${emergency ? badge("warn", "emergency") : NOTHING}${nameOf(by)} ${age(at, now)}${comment === undefined ? NOTHING : html` <q>${comment}</q>`}`,
  );
  if (lines.length < 2) return lines[0] ?? "nobody yet";
  return html`<ul class="parts">${lines.map((line) => html`<li>${line}</li>`)}</ul>`;
}

/** The change that is waiting. A newer change supersedes the approval and removes it from this page. */
function changeText({ changedAt, version }: ShownApproval, now: EpochMillis): Html | undefined {
  if (changedAt === undefined) return undefined;
  return html`${version === undefined ? NOTHING : html`version <code>${version}</code>, `}changed ${age(changedAt, now)}`;
}

function decisionForm({ id, requester, may, needsReason }: ListedApproval, visit: Visit): Html {
  const isOwn = visit.isMe(requester);
  const buttons = BUTTONS.filter(([decision]) => may.includes(decision));
  if (buttons.length === 0) return NOTHING;
  return html`<form class="decide" method="post" action="/console/approvals/${encodeURIComponent(id)}">
${formTokenField(visit.formToken)}<input type="hidden" name="key" value="${randomUUID()}">
<label>${needsReason ? "Reason (a grant needs one)" : "Comment"} <input name="comment" maxlength="300" autocomplete="off"></label>
${buttons.map(([one, name]) => html`<button name="decision" value="${one}" class="${one}">${name}</button> `)}
${isOwn ? html`<span class="aside">Somebody else has to decide.</span>` : NOTHING}
</form>`;
}

const BUTTONS = [
  ["grant", "Grant"],
  ["deny", "Deny"],
  ["withdraw", "Withdraw"],
] as const;

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
