import { html } from "hono/html";
import type { ListedCredentials } from "../http/credentials.ts";
import { ageText, type Html, shownTime } from "./html.ts";
import type { ApiResult, Page, Visit } from "./visit.ts";

/** When each credential was last used. It shows whether an old one can be removed. */
export async function credentialsPage(visit: Visit): Promise<ApiResult<Page>> {
  const listed = await visit.ask<ListedCredentials>("/v1/credentials");
  if (!listed.ok) return listed;
  const rows = listed.value.credentials.map(
    ({ kind, name, method, credential, lastUsedAt }) => html`<tr>
<td data-name="Owner">${kind} <b>${name}</b></td><td data-name="Method">${method}</td>
<td data-name="Credential"><code>${credential}</code></td><td data-name="Last used">${hourOf(lastUsedAt, visit)}</td></tr>`,
  );
  const main = html`<p>Credentials of sources and targets that were used within the retention time. Times are exact to the
hour. A credential that is not listed was not used.</p>
${
  rows.length === 0
    ? html`<p class="empty">No credential was used yet.</p>`
    : html`<table class="list"><thead><tr><th>Owner</th><th>Method</th><th>Credential</th><th>Last used</th></tr></thead>
<tbody>${rows}</tbody></table>`
}`;
  return { ok: true, value: { title: "Credentials", main } };
}

/** One use in an hour is recorded, so a shorter age would promise more than is known. */
function hourOf(iso: string, { now }: Pick<Visit, "now">): Html {
  const isOfThisHour = now - Date.parse(iso) < 3_600_000;
  return html`${shownTime(`${iso.slice(0, 13)}:00:00.000Z`, now)} <span class="ago">(${isOfThisHour ? "within the hour" : ageText(iso, now)})</span>`;
}
