import { html } from "hono/html";
import type { ShownRun } from "../model/approval.ts";
import { type Html, NOTHING, outsideLink } from "./html.ts";

/** The newest commits, and a link to all of their changes. */
export function commitsText({ commits = [], commitCount = 0, diffUrl }: ShownRun = {}): Html | undefined {
  if (commits.length === 0) return undefined;
  const more = commitCount - commits.length;
  return html`<ul class="parts">${commits.map(
    ({ id, title, url, author }) =>
      html`<li>${outsideLink(url, id.slice(0, 8))} ${title}${author === undefined ? NOTHING : html` <span class="aside">${author}</span>`}</li>`,
  )}${more > 0 ? html`<li class="aside">and ${more} more</li>` : NOTHING}</ul>
${diffUrl === undefined ? NOTHING : outsideLink(diffUrl, "See all changes")}`;
}
