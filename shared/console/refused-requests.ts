import { html } from "hono/html";
import { countText, REQUESTS } from "../host/count-text.ts";
import { refusalText } from "../http/refusal-text.ts";
import type { ListedRefusals } from "../http/refusals.ts";
import { badge, type Html, NOTHING, timeAndAge, whatToDo, withTimes } from "./html.ts";
import type { Visit } from "./visit.ts";

/** The requests that nobody proved, which have no delivery: a line for each source and reason. `isOpen`: unfolded. */
export const refusedRequests = (
  { refusals, sources }: ListedRefusals,
  { now, isOpen }: Pick<Visit, "now"> & { readonly isOpen: boolean },
): Html => {
  const sum = refusals.reduce((all, { count }) => all + count, 0);
  return html`<details class="refusals"${isOpen ? html` open` : NOTHING}><summary>${badge("bad", "refused")}${countText(sum, REQUESTS)}, without a delivery</summary><ul class="parts">${refusals.map(
    (one) => html`<li>${badge("bad", "refused")} ${withTimes(
      refusalText(one, sources, (iso) => iso),
      now,
    )}
<span class="aside">last ${timeAndAge(one.lastAt, now)}; request <code>${one.requests[0] ?? ""}</code></span>${one.hint === undefined ? NOTHING : whatToDo(one.hint)}</li>`,
  )}</ul></details>`;
};
