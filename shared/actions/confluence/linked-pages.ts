import { type Clock, type Moment, momentOf, msSince } from "../../host/clock.ts";
import { cut } from "../../model/event.ts";
import type { FinalOutcome } from "./classify-response.ts";
import type { PageClient } from "./client.ts";
import type { PageLink, PageTitle } from "./page-address.ts";

/** More links than this in an event's texts are a list of pages, not a request for a status on each. */
const MAX_LINKED_PAGES = 5;
/** How long a page is known by its title. It may be renamed meanwhile, and then another page may get the title. */
const KNOWN_MS = 5 * 60_000;
/** A new page is in the site's index after moments. */
const UNKNOWN_MS = 60_000;
const MAX_TITLES = 500;

interface Linked {
  readonly ids: readonly string[];
  /** Why the pages with a title could not be looked up. */
  readonly failure: FinalOutcome | undefined;
  /** What the links say that are of no page; empty if each is of one. */
  readonly remark: string;
}

/**
 * The pages that links lead to. A title needs a search; its result is kept for a short time. One process has one for each
 * route.
 */
export class LinkedPages {
  readonly #clock: Clock;
  readonly #byTitle = new Map<string, { readonly at: Moment; readonly id: string | undefined }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Makes at most one call. */
  async of(links: readonly PageLink[], client: () => Promise<Pick<PageClient, "searchTitles">>): Promise<Linked> {
    const linked = links.flatMap((link) => ("other" in link ? [] : link));
    const pages = linked.slice(0, MAX_LINKED_PAGES);
    const titles = pages.filter((link) => "title" in link);
    const unknown = titles.filter((title) => this.#known(title) === undefined);
    const failure = unknown.length > 0 ? await this.#search(unknown, await client()) : undefined;
    const ids = pages.flatMap((link) => {
      if ("id" in link) return link.id;
      return this.#known(link)?.id ?? [];
    });
    const missing = failure ? [] : titles.filter((title) => this.#known(title)?.id === undefined);
    const more = linked.length - pages.length;
    const leftOut = more > 0 ? `${more} more linked ${more === 1 ? "page is" : "pages are"} left out` : "";
    const remark = [leftOut, remarkOn(links, missing)].filter((one) => one !== "").join("; ");
    return { ids: [...new Set(ids)], failure, remark };
  }

  async #search(
    titles: readonly PageTitle[],
    client: Pick<PageClient, "searchTitles">,
  ): Promise<FinalOutcome | undefined> {
    const at = momentOf(this.#clock);
    const found = await client.searchTitles(titles);
    if (!found.ok) {
      const summary = `pages could not be looked up by their titles: ${found.failure.summary}`;
      return { ...found.failure, summary };
    }
    if (this.#byTitle.size > MAX_TITLES) this.#byTitle.clear();
    for (const title of titles) {
      const page = found.value.find((one) => keyOf(one) === keyOf(title));
      this.#byTitle.set(keyOf(title), { at, id: page?.id });
    }
    return undefined;
  }

  #known(title: PageTitle): { readonly id: string | undefined } | undefined {
    const known = this.#byTitle.get(keyOf(title));
    if (!known) return undefined;
    return msSince(known.at, this.#clock) < (known.id === undefined ? UNKNOWN_MS : KNOWN_MS) ? known : undefined;
  }
}

/** Titles are unique in a space, whatever the case of their letters. */
const keyOf = ({ space, title }: PageTitle): string => JSON.stringify([space.toLowerCase(), title.toLowerCase()]);

/** What to say of links that are of no page. `missing`: titles that no page has. */
export function remarkOn(links: readonly PageLink[], missing: readonly PageTitle[]): string {
  const titles = missing.map(({ space, title }) => `space ${space} has no page “${title}” that the account may see`);
  const others = links.flatMap((link) => ("other" in link ? `${link.other} is the address of no page` : []));
  const remarks = [...titles, ...others].map((remark) => cut(remark, MAX_REMARK_LENGTH));
  const more = remarks.length > MAX_REMARKS ? `${remarks.length - MAX_REMARKS} more addresses are of no page` : [];
  return remarks.slice(0, MAX_REMARKS).concat(more).join("; ");
}

const MAX_REMARKS = 3;
const MAX_REMARK_LENGTH = 300;
