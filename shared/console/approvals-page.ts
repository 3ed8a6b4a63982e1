import { randomUUID } from "node:crypto";
import { html } from "hono/html";
import { nameOf } from "../approvals/record-step.ts";
import type { EpochMillis } from "../host/clock.ts";
import type { ListedApprovals, ShownApproval } from "../http/approvals.ts";
import { formTokenField } from "./csrf.ts";
import { age, badge, deliveryLink, facts, type Html, NOTHING } from "./html.ts";
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

/** Grants, denies or withdraws an approval. Returns the path of the next page. */
export async function submitDecision(visit: Visit, form: URLSearchParams, id: string): Promise<ApiResult<string>> {
  const comment = form.get("comment")?.trim();
  const body = { decision: form.get("decision"), ...(comment && { comment }) };
  const post = { body, key: form.get("key") ?? "" };
  const decided = await visit.ask<ShownApproval>(`/v1/approvals/${encodeURIComponent(id)}`, post);
  return decided.ok ? { ok: true, value: `/console/deliveries/${decided.value.delivery}` } : decided;
}

function card(approval: ShownApproval, visit: Visit): Html {
  const { id, route, state, subject, delivery, requester, requestedAt, until, approvers, decision } = approval;
  return html`<article class="card" aria-labelledby="${id}">
<h2 id="${id}">${badge(state === "granted" ? "good" : "busy", state === "granted" ? "granted, not fired yet" : "waiting")}
${route} of ${subject}</h2>
${facts([
  ["Requested by", `${nameOf(requester)}${visit.isMe(requester) ? " (you)" : ""}`],
  ["Requested", age(requestedAt, visit.now)],
  ["Expires", age(until, visit.now)],
  ["Change", changeText(approval, visit.now)],
  ["Approvers", approvers.join(", ")],
  ["Decided by", decision && html`${nameOf(decision.by)} ${age(decision.at, visit.now)}`],
  ["Delivery", deliveryLink(delivery)],
])}
${decisionForm(approval, visit)}
</article>`;
}

/** The change that is waiting. A newer change supersedes the approval and removes it from this page. */
function changeText({ changedAt, version }: ShownApproval, now: EpochMillis): Html | undefined {
  if (changedAt === undefined) return undefined;
  return html`${version === undefined ? NOTHING : html`version <code>${version}</code>, `}changed ${age(changedAt, now)}`;
}

function decisionForm({ id, route, state, requester }: ShownApproval, visit: Visit): Html {
  const isOwn = visit.isMe(requester);
  const mayApprove = visit.may("approve", route);
  const decisions = [
    ...(mayApprove && !isOwn && state === "requested" ? (["grant", "deny"] as const) : []),
    ...(mayApprove || isOwn ? (["withdraw"] as const) : []),
  ];
  return html`<form class="decide" method="post" action="/console/approvals/${encodeURIComponent(id)}">
${formTokenField(visit.formToken)}<input type="hidden" name="key" value="${randomUUID()}">
<label>Comment <input name="comment" maxlength="300" autocomplete="off"></label>
${decisions.map((one) => html`<button name="decision" value="${one}" class="${one}">${NAMES[one]}</button> `)}
${isOwn ? html`<span class="aside">Somebody else has to decide.</span>` : NOTHING}
</form>`;
}

const NAMES = { grant: "Grant", deny: "Deny", withdraw: "Withdraw" } as const;
