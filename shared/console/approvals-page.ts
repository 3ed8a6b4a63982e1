import { randomUUID } from "node:crypto";
import { html } from "hono/html";
import { nameOf } from "../approvals/record-step.ts";
import type { EpochMillis } from "../host/clock.ts";
import type { ListedApprovals, ShownApproval } from "../http/approvals.ts";
import { formTokenField } from "./csrf.ts";
import { age, badge, deliveryLink, facts, type Html, NOTHING, outsideLink } from "./html.ts";
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
  const { id, route, state, subject, delivery, requestedAt, until, approvers, decision, shows } = approval;
  return html`<article class="card" aria-labelledby="${id}">
<h2 id="${id}">${badge(state === "granted" ? "good" : "busy", state === "granted" ? "granted, not fired yet" : "waiting")}
${route} of ${subject}</h2>
${facts([
  ["Route", route],
  ["Parameters", paramsText(approval)],
  ["For", shows?.title === undefined ? undefined : outsideLink(shows.url, shows.title)],
  ["Commits", commitsText(approval)],
  ["Change", changeText(approval, visit.now)],
  ["Author", shows?.author],
  ["Requested by", requesterText(approval, visit)],
  ["Requested", age(requestedAt, visit.now)],
  ["Expires", html`${age(until, visit.now)} <span class="aside">${until.slice(0, 16).replace("T", " ")} UTC</span>`],
  ["Approved by", decision ? html`${nameOf(decision.by)} ${age(decision.at, visit.now)}` : "nobody yet"],
  ["Still missing", decision ? undefined : `one person with the role ${approvers.join(" or ") || "that none has"}`],
  ["Delivery", deliveryLink(delivery)],
])}
${decisionForm(approval, visit)}
</article>`;
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

/** The newest commits, and a link to all of their changes. */
function commitsText({ shows }: ShownApproval): Html | undefined {
  const { commits = [], commitCount = 0, diffUrl } = shows ?? {};
  if (commits.length === 0) return undefined;
  const more = commitCount - commits.length;
  return html`<ul class="parts">${commits.map(
    ({ id, title, url, author }) =>
      html`<li>${outsideLink(url, id.slice(0, 8))} ${title}${author === undefined ? NOTHING : html` <span class="aside">${author}</span>`}</li>`,
  )}${more > 0 ? html`<li class="aside">and ${more} more</li>` : NOTHING}</ul>
${diffUrl === undefined ? NOTHING : outsideLink(diffUrl, "See all changes")}`;
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
