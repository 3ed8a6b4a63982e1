import { randomUUID } from "node:crypto";
import { html } from "hono/html";
import { nameOf } from "../approvals/record-step.ts";
import type { EpochMillis } from "../host/clock.ts";
import type { ListedApprovals, ShownApproval } from "../http/approvals.ts";
import { formTokenField } from "./csrf.ts";
import { badge, deliveryLink, facts, type Html, NOTHING, when } from "./html.ts";
import type { Answer, Page, Visit } from "./visit.ts";

/** The approvals that this person may decide or has asked for. */
export async function approvalsPage(visit: Visit): Promise<Answer<Page>> {
  const listed = await visit.ask<ListedApprovals>("/v1/approvals");
  if (!listed.ok) return listed;
  const { approvals, hasMore } = listed.value;
  const main =
    approvals.length === 0
      ? html`<p class="empty">Nothing waits for you.</p>`
      : html`${approvals.map((one) => card(one, visit))}`;
  const more = hasMore ? html`<p class="aside">More is open than was looked through.</p>` : NOTHING;
  return { ok: true, value: { title: "Approvals", main: html`${main}${more}`, refreshSeconds: 15 } };
}

/** Grants, denies or withdraws; gives where to look next. */
export async function approvalOrder(visit: Visit, form: URLSearchParams, id: string): Promise<Answer<string>> {
  const comment = form.get("comment")?.trim();
  const body = { decision: form.get("decision"), ...(comment && { comment }) };
  const order = { body, key: form.get("key") ?? "" };
  const decided = await visit.ask<ShownApproval>(`/v1/approvals/${encodeURIComponent(id)}`, order);
  return decided.ok ? { ok: true, value: `/console/deliveries/${decided.value.delivery}` } : decided;
}

function card(approval: ShownApproval, visit: Visit): Html {
  const { id, route, state, subject, delivery, requester, requestedAt, until, approvers, decision } = approval;
  return html`<article class="card" aria-labelledby="${id}">
<h2 id="${id}">${badge(state === "granted" ? "good" : "busy", state === "granted" ? "granted, not fired yet" : "waits")}
${route} of ${subject}</h2>
${facts([
  ["Asked for by", `${nameOf(requester)}${visit.isMe(requester) ? " (you)" : ""}`],
  ["Since", when(requestedAt, visit.now)],
  ["Ends", when(until, visit.now)],
  ["About", about(approval, visit.now)],
  ["May decide", approvers.join(", ")],
  ["Decided by", decision && html`${nameOf(decision.by)} ${when(decision.at, visit.now)}`],
  ["Delivery", deliveryLink(delivery)],
])}
${decide(approval, visit)}
</article>`;
}

/** What would be let through; a newer change makes the approval void, and it leaves this page. */
function about({ changedAt, version }: ShownApproval, now: EpochMillis): Html | undefined {
  if (changedAt === undefined) return undefined;
  return html`${version === undefined ? "what was" : html`version <code>${version}</code>,`} changed ${when(changedAt, now)}`;
}

function decide({ id, route, state, requester }: ShownApproval, visit: Visit): Html {
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
