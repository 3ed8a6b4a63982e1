import * as v from "valibot";
import { isPageId, type PageTitle } from "./page-address.ts";

export interface FoundPage {
  readonly id: string;
  readonly title: string | undefined;
  readonly body: string;
  /** Key of its space, if the response has it. */
  readonly space: string | undefined;
}

/** One batch of the pages that a search found. */
export interface FoundPages {
  readonly pages: readonly FoundPage[];
  /** Undefined if there are no more. */
  readonly next: string | undefined;
}

/**
 * Both products have this search at one path, with the pages' bodies in the response. Cloud's v2 has no such search
 * (https://developer.atlassian.com/cloud/confluence/rest/v1/api-group-content/#api-wiki-rest-api-content-search-get).
 */
export function searchPath(label: string, next = ""): string {
  const query = new URLSearchParams({
    cql: `type = page and label = "${label}" order by created`,
    expand: "body.storage,space",
    limit: String(SEARCH_BATCH),
  });
  for (const [name, value] of new URLSearchParams(next)) query.set(name, value);
  return `/rest/api/content/search?${query}`;
}

/** The same search, for the pages with these titles. */
export function titleSearchPath(titles: readonly PageTitle[]): string {
  const each = titles.map(({ space, title }) => `(space = ${quoted(space)} and title = ${quoted(title)})`);
  const cql = `type = page and (${each.join(" or ")})`;
  return `/rest/api/content/search?${new URLSearchParams({ cql, expand: "space", limit: String(SEARCH_BATCH) })}`;
}

/** A text of CQL (https://developer.atlassian.com/cloud/confluence/advanced-searching-using-cql/). */
const quoted = (text: string): string => `"${text.replace(/["\\]/g, "\\$&")}"`;

/** Pages in one response. They fit its size limit if a page has at most 600 kB on average. */
const SEARCH_BATCH = 20;

/** Where the next batch starts: a cursor on Cloud, a number on Data Center. No other part of the address is used. */
function placeIn(next: string): string | undefined {
  const query = new URLSearchParams(next.split("?")[1]);
  const place = [...query].filter(([name]) => name === "cursor" || name === "start");
  return place.length > 0 ? String(new URLSearchParams(place)) : undefined;
}

/** A page with another shape is skipped, so that it does not make the whole batch unreadable. */
const foundPage = v.fallback(
  v.nullable(
    v.object({
      id: v.pipe(v.string(), v.check(isPageId)),
      title: v.nullish(v.string()),
      body: v.object({ storage: v.object({ value: v.string() }) }),
      space: v.nullish(v.object({ key: v.string() })),
    }),
  ),
  null,
);

export const foundPages: v.GenericSchema<unknown, FoundPages> = v.pipe(
  v.object({ results: v.array(foundPage), _links: v.nullish(v.object({ next: v.nullish(v.string()) })) }),
  v.transform(
    ({ results, _links }): FoundPages => ({
      pages: results.flatMap((page) =>
        page
          ? { id: page.id, title: page.title ?? undefined, body: page.body.storage.value, space: page.space?.key }
          : [],
      ),
      next: placeIn(_links?.next ?? ""),
    }),
  ),
);

export interface TitledPage extends PageTitle {
  readonly id: string;
}

const titledPage = v.fallback(
  v.nullable(
    v.object({
      id: v.pipe(v.string(), v.check(isPageId)),
      title: v.string(),
      space: v.object({ key: v.string() }),
    }),
  ),
  null,
);

export const titledPages: v.GenericSchema<unknown, readonly TitledPage[]> = v.pipe(
  v.object({ results: v.array(titledPage) }),
  v.transform(({ results }): readonly TitledPage[] =>
    results.flatMap((page) => (page ? { id: page.id, title: page.title, space: page.space.key } : [])),
  ),
);
