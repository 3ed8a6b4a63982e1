import { html } from "hono/html";
import { indentedJson } from "../host/json-tokens.ts";
import type { ShownRequest } from "../http/delivery-request.ts";
import { formTokenField } from "./csrf.ts";
import { copied, deliveryLink, facts, type Html, NOTHING, timeAndAge } from "./html.ts";
import type { ApiResult, Page, Visit } from "./visit.ts";

/** The button that opens the request of a delivery. It is a form, because nothing is recorded before it is pressed. */
export const requestForm = (id: string, { formToken }: Visit): Html =>
  html`<form method="post" action="/console/deliveries/${encodeURIComponent(id)}/request">${formTokenField(formToken)}<button class="plain">Show headers and body</button>
<span class="aside">That you looked is recorded.</span></form>`;

/** The headers and the body of a delivery as they arrived, without credentials. */
export async function requestPage(visit: Visit, _form: URLSearchParams, id: string): Promise<ApiResult<Page>> {
  const asked = await visit.ask<ShownRequest>(`/v1/deliveries/${encodeURIComponent(id)}/request`);
  if (!asked.ok) return asked;
  const { headers, removed, bodyBytes, bodyDigest, receivedAt } = asked.value;
  const main = html`<p class="lead">Delivery ${deliveryLink(id)}, received ${timeAndAge(receivedAt, visit.now)}. That you looked is recorded.</p>
<h2>Headers</h2>
${
  headers === undefined
    ? html`<p class="empty">Headers were not recorded: an earlier release received the request, or the bridge made the record itself.</p>`
    : facts(
        headers.map(({ name, value }) => [name, value ?? html`<span class="aside">present, not kept</span>`] as const),
      )
}
<h2>Body</h2>
<p>${bodyBytes} bytes as it arrived, SHA-256 ${copied(bodyDigest, "the digest of the body")}${removed === 0 ? NOTHING : html`. Removed because they are or may be credentials: <b>${removed}</b>`}</p>
${bodyOf(asked.value)}`;
  return { ok: true, value: { title: "Request", main } };
}

function bodyOf({ body, bodyKind, isCut, replayOf }: ShownRequest): Html {
  if (bodyKind === "none" && replayOf !== undefined)
    return html`<p class="empty">It is that of ${deliveryLink(replayOf)}, which was run again.</p>`;
  if (bodyKind === "none")
    return html`<p class="empty">The record has no body: the bridge made the record itself, and nothing was sent as a webhook. Or the body was not kept, because it was too large or may have somebody's credentials.</p>`;
  if (body === undefined) return html`<p class="empty">The body is no text.</p>`;
  if (body === "") return html`<p class="empty">The body is empty.</p>`;
  const text = bodyKind === "json" && !isCut ? indentedJson(body) : body;
  const isLong = isCut === true || text.length > MAX_ON_PAGE;
  return html`<pre class="body" tabindex="0" data-copy="the body">${text.slice(0, MAX_ON_PAGE)}</pre>
${isLong ? html`<p>The body goes on. <code>drawbridge events show … --request</code> prints more of it.</p>` : NOTHING}`;
}

/** UTF-16 code units: a page stays small enough for a phone. */
const MAX_ON_PAGE = 200_000;
