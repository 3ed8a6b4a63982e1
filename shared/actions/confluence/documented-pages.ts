import { type Clock, type Moment, momentOf, msSince } from "../../host/clock.ts";
import type { BusEvent } from "../../model/bus-event.ts";
import type { FinalOutcome } from "./classify-response.ts";
import type { PageClient } from "./client.ts";
import { type AllowedPages, mayBeAllowed } from "./page-consent.ts";
import { type Documented, documentedOn } from "./page-properties.ts";
import type { FoundPage } from "./page-search.ts";

interface EventAndOrigin {
  readonly busEvent: BusEvent;
  readonly origin: BusEvent;
}

/** Pages that document the subject of an event. `leftOut` counts those beyond {@link MAX_PAGES_SHOWN}. */
type Found = NotFound | { readonly ok: true; readonly ids: readonly string[]; readonly leftOut: number };
type NotFound = { readonly ok: false; readonly failure: FinalOutcome };

/** A page that documents a repository: all of it, or these folders and files. */
export interface DocumentingPage extends Pick<FoundPage, "id" | "title" | "space"> {
  readonly paths: readonly string[];
}

/** Largest number of pages that show one event: each is a page to read and to write. */
const MAX_PAGES_SHOWN = 10;
/** Calls to build the index: 200 pages, the oldest ones with the label. */
const MAX_CALLS = 10;
const FRESH_MS = 5 * 60_000;
/** An older index is not used, even if a new one cannot be read. */
const USABLE_MS = 60 * 60_000;
/** Shortest time between a failed search and the next one. */
const COOLDOWN_MS = 60_000;

/**
 * The pages that carry one label, and what each of them documents: an index in memory. It is read again, with at most
 * {@link MAX_CALLS} calls, if it is used when it is older than {@link FRESH_MS}. One process has one for each route.
 */
export class DocumentedPages {
  readonly #label: string;
  readonly #allowed: AllowedPages;
  readonly #clock: Clock;
  #index: Index | undefined;
  #cooldown: Cooldown | undefined;
  #reading: Promise<void> | undefined;

  /** `allowed`: the pages that the target may write. Others with the label do not count. */
  constructor(label: string, allowed: AllowedPages, clock: Clock) {
    this.#label = label;
    this.#allowed = allowed;
    this.#clock = clock;
  }

  /** The pages that show an event. */
  async concernedBy(context: EventAndOrigin, client: Pick<PageClient, "search">): Promise<Found> {
    const found = await this.#find(client);
    return found.ok ? pagesIn(found.index, context) : found;
  }

  /** The pages that document a repository. */
  async documenting(
    project: string,
    client: Pick<PageClient, "search">,
  ): Promise<NotFound | { readonly ok: true; readonly pages: readonly DocumentingPage[] }> {
    const found = await this.#find(client);
    if (!found.ok) return found;
    const pages = found.index.pages.filter(({ documented }) => documented.subjects.has(project.toLowerCase()));
    return { ok: true, pages: pages.map(({ documented: { paths }, ...page }) => ({ ...page, paths })) };
  }

  /** Calls during a read of the index wait for the same read. */
  async #find(client: Pick<PageClient, "search">): Promise<NotFound | { readonly ok: true; readonly index: Index }> {
    if (!this.#isYounger(FRESH_MS) && this.#cooldownMs() <= 0) {
      this.#reading ??= this.#read(client).finally(() => {
        this.#reading = undefined;
      });
      await this.#reading;
    }
    if (this.#index && this.#isYounger(USABLE_MS)) return { ok: true, index: this.#index };
    return { ok: false, failure: this.#failure() };
  }

  async #read(client: Pick<PageClient, "search">): Promise<void> {
    const pages: Page[] = [];
    let next: string | undefined;
    for (let calls = 0; calls === 0 || (next !== undefined && calls < MAX_CALLS); calls++) {
      const batch = await client.search(this.#label, next);
      if (!batch.ok) return this.#coolDownAfter(batch.failure);
      for (const page of batch.value.pages) {
        const { body, ...found } = page;
        if (mayBeAllowed(found, this.#allowed)) pages.push({ ...found, documented: await documentedOn(body) });
      }
      next = batch.value.next;
    }
    this.#index = { readAt: momentOf(this.#clock), pages };
  }

  #coolDownAfter(outcome: FinalOutcome): void {
    const requestedMs = "afterSeconds" in outcome ? (outcome.afterSeconds ?? 0) * 1_000 : 0;
    this.#cooldown = { since: momentOf(this.#clock), ms: Math.max(requestedMs, COOLDOWN_MS), outcome };
  }

  /** The outcome of the failed search. A retry before the end of the cooldown would have the same outcome. */
  #failure(): FinalOutcome {
    const outcome = this.#cooldown?.outcome ?? NEVER_SEARCHED;
    const afterSeconds = Math.ceil(this.#cooldownMs() / 1_000);
    return outcome.outcome === "retry" ? { ...outcome, afterSeconds } : outcome;
  }

  #isYounger(ms: number): boolean {
    return this.#index !== undefined && msSince(this.#index.readAt, this.#clock) < ms;
  }

  /** The rest of the cooldown; not more than 0 if there is none. */
  #cooldownMs(): number {
    return this.#cooldown ? this.#cooldown.ms - msSince(this.#cooldown.since, this.#clock) : 0;
  }
}

interface Page extends Omit<FoundPage, "body"> {
  readonly documented: Documented;
}

const NEVER_SEARCHED: FinalOutcome = { outcome: "retry", summary: "no page has been searched for yet" };

/** No search for `ms`, because the last one ended with `outcome`. */
interface Cooldown {
  readonly since: Moment;
  readonly ms: number;
  readonly outcome: FinalOutcome;
}

interface Index {
  readonly readAt: Moment;
  readonly pages: readonly Page[];
}

function pagesIn({ pages }: Index, context: EventAndOrigin): Found {
  const about = { subjects: subjectsOf(context), environment: environmentOf(context.busEvent) };
  const ids = pages.filter(({ documented }) => isAbout(documented, about)).map(({ id }) => id);
  return { ok: true, ids: ids.slice(0, MAX_PAGES_SHOWN), leftOut: Math.max(0, ids.length - MAX_PAGES_SHOWN) };
}

interface About {
  readonly subjects: readonly string[];
  readonly environment: string | undefined;
}

/** A page's environments narrow its subjects. Without subjects they stand for everything that is deployed there. */
function isAbout({ subjects, environments }: Documented, about: About): boolean {
  const isThere = about.environment !== undefined && environments.has(about.environment);
  if (subjects.size === 0) return isThere;
  const isElsewhere = about.environment !== undefined && environments.size > 0 && !isThere;
  return about.subjects.some((subject) => subjects.has(subject)) && !isElsewhere;
}

/** The pipeline or the deployed project, and the repository of the push or change that started it. */
function subjectsOf({ busEvent, origin }: EventAndOrigin): readonly string[] {
  return [busEvent.detail, origin.detail].flatMap((detail) => nameIn(detail)?.toLowerCase() ?? []);
}

function nameIn(detail: BusEvent["detail"]): string | undefined {
  if ("build" in detail) return detail.build.pipeline;
  if ("deployment" in detail) return detail.deployment.project;
  if ("code" in detail) return detail.code.project;
  return "change" in detail ? detail.change.project : undefined;
}

const environmentOf = ({ detail }: BusEvent): string | undefined =>
  "deployment" in detail ? detail.deployment.environment.toLowerCase() : undefined;
