import * as v from "valibot";
import { isPageId } from "./page-address.ts";

/** Pages that a search found, as far as it has been read. */
export interface FoundPages {
  readonly pages: readonly { readonly id: string; readonly body: string }[];
  /** Absent where there are no more. */
  readonly next: string | undefined;
}

/**
 * Both products have this search at one path, with the pages' texts in the answer; Cloud's v2 has none
 * (https://developer.atlassian.com/cloud/confluence/rest/v1/api-group-content/#api-wiki-rest-api-content-search-get).
 */
export function searchPath(label: string, next = ""): string {
  const query = new URLSearchParams({
    cql: `type = page and label = "${label}" order by created`,
    expand: "body.storage",
    limit: String(SEARCH_BATCH),
  });
  for (const [name, value] of new URLSearchParams(next)) query.set(name, value);
  return `/rest/api/content/search?${query}`;
}

/** Together they fit an answer as long as a page is 600 kB on average. */
const SEARCH_BATCH = 20;

/** Where the next batch begins: a cursor on Cloud, a number on Data Center. Nothing else of the address is used. */
function placeIn(next: string): string | undefined {
  const query = new URLSearchParams(next.split("?")[1]);
  const place = [...query].filter(([name]) => name === "cursor" || name === "start");
  return place.length > 0 ? String(new URLSearchParams(place)) : undefined;
}

/** A page that is told in another way is passed over, so that it does not stand before all others. */
const foundPage = v.fallback(
  v.nullable(
    v.object({
      id: v.pipe(v.string(), v.check(isPageId)),
      body: v.object({ storage: v.object({ value: v.string() }) }),
    }),
  ),
  null,
);

export const foundPages: v.GenericSchema<unknown, FoundPages> = v.pipe(
  v.object({ results: v.array(foundPage), _links: v.nullish(v.object({ next: v.nullish(v.string()) })) }),
  v.transform(
    ({ results, _links }): FoundPages => ({
      pages: results.flatMap((page) => (page ? { id: page.id, body: page.body.storage.value } : [])),
      next: placeIn(_links?.next ?? ""),
    }),
  ),
);
