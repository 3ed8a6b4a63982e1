import { html } from "hono/html";
import type { ListedCredentials } from "../http/credentials.ts";
import { when } from "./html.ts";
import type { Answer, Page, Visit } from "./visit.ts";

/** When each credential was last used: whether an old one may go. */
export async function credentialsPage(visit: Visit): Promise<Answer<Page>> {
  const listed = await visit.ask<ListedCredentials>("/v1/credentials");
  if (!listed.ok) return listed;
  const rows = listed.value.credentials.map(
    ({ kind, name, method, credential, lastUsedAt }) => html`<tr>
<td data-name="Of">${kind} <b>${name}</b></td><td data-name="Method">${method}</td>
<td data-name="Credential"><code>${credential}</code></td><td data-name="Last used">${when(lastUsedAt, visit.now)}</td></tr>`,
  );
  const main = html`<p>Credentials of sources and targets that were used within the retention, to the hour. One that is not
here was not used.</p>
${
  rows.length === 0
    ? html`<p class="empty">None was used yet.</p>`
    : html`<table class="list"><thead><tr><th>Of</th><th>Method</th><th>Credential</th><th>Last used</th></tr></thead>
<tbody>${rows}</tbody></table>`
}`;
  return { ok: true, value: { title: "Credentials", main } };
}
