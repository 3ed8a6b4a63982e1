import { html } from "hono/html";
import type { ListedDeliveries, ShownDelivery } from "../http/deliveries.ts";
import { cut } from "../model/event.ts";
import { apiQuery, deliveryPath, listQuery } from "./deliveries-query.ts";
import { type Listed, sorted, titleOf } from "./deliveries-table.ts";
import { type Html, NOTHING } from "./html.ts";
import type { Visit } from "./visit.ts";

/**
 * The way back to the list that led to a delivery, and to the rows before and after it. `in` of the address is the query of
 * that list. Nothing without it: the page was not opened from a list.
 */
export async function nearDeliveries(visit: Visit, delivery: ShownDelivery["delivery"]): Promise<Html> {
  const text = visit.url.searchParams.get("in");
  if (text === null) return NOTHING;
  const list = new URLSearchParams(text);
  const { rows, further } = await pageOf(list, visit);
  const at = rows.findIndex(({ id }) => id === delivery.id);
  const previous = rows[at - 1];
  const next = at === -1 ? undefined : rows[at + 1];
  // A delivery that newer ones have pushed off its page is followed by those that are older.
  const isByTime = !list.get("state") && !list.get("sort");
  const after = isByTime && at === -1 ? `${Date.parse(delivery.receivedAt)}.${delivery.id}` : further;
  return html`<p class="near"><a href="/console/deliveries?${list}">Back to the list</a>
${previous === undefined ? NOTHING : linkTo(previous, "prev", list)}
${next === undefined ? await firstAfter(after, list, visit) : linkTo(next, "next", list)}</p>`;
}

interface ListPage {
  /** In the order of the list. */
  readonly rows: readonly Listed[];
  /** The cursor of the page that follows. */
  readonly further?: string | undefined;
}

async function pageOf(list: URLSearchParams, { ask, now }: Visit): Promise<ListPage> {
  const listed = await ask<ListedDeliveries>(`/v1/deliveries?${apiQuery(list, now)}`);
  if (!listed.ok) return { rows: [] };
  return { rows: sorted(listed.value.deliveries, list.get("sort")), further: listed.value.next };
}

/** The link to the first row of the page that begins at a cursor. */
async function firstAfter(cursor: string | undefined, list: URLSearchParams, visit: Visit): Promise<Html> {
  if (cursor === undefined) return NOTHING;
  const page = listQuery(list, { cursor });
  const [first] = (await pageOf(page, visit)).rows;
  return first === undefined ? NOTHING : linkTo(first, "next", page);
}

function linkTo(row: Listed, rel: "prev" | "next", list: URLSearchParams): Html {
  const words = rel === "prev" ? "Previous" : "Next";
  return html`<a rel="${rel}" href="${deliveryPath(row.id, list)}">${words}<span class="title">: ${cut(titleOf(row), MAX_TITLE)}</span></a>`;
}

const MAX_TITLE = 40;
