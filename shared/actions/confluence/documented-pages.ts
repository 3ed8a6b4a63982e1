import { type Clock, type EpochMillis, epochMillis, laterBy } from "../../host/clock.ts";
import type { BusEvent } from "../../model/bus-event.ts";
import type { FinalOutcome } from "./classify-response.ts";
import type { PageClient } from "./client.ts";
import { type Documented, documentedOn } from "./page-properties.ts";

interface QueuedEvent {
  readonly busEvent: BusEvent;
  readonly origin: BusEvent;
}

/** Pages that document what an event is about. `leftOut` counts those beyond {@link MAX_PAGES_SHOWN}. */
type Found =
  | { readonly ok: true; readonly ids: readonly string[]; readonly leftOut: number }
  | { readonly ok: false; readonly setback: FinalOutcome };

/** Status goes to so many pages of one event at most: each is a page to read and to write. */
const MAX_PAGES_SHOWN = 10;
/** For one reading of the index: 200 pages, the oldest with the label. */
const MAX_CALLS = 10;
const FRESH_MS = 5 * 60_000;
/** An index older than this is no longer used in place of one that cannot be read. */
const USABLE_MS = 60 * 60_000;
/** No search within this time of one that failed. */
const REST_MS = 60_000;

/**
 * The pages that carry one label, and what each says that it documents: an index in memory, read by at most ten calls when
 * it is older than five minutes and somebody asks. One process has one for each route.
 */
export class DocumentedPages {
  readonly #label: string;
  readonly #clock: Clock;
  #index: Index | undefined;
  #rest: Rest = { until: epochMillis(0), ending: { outcome: "retry", summary: "no page has been searched for yet" } };
  #reading: Promise<void> | undefined;

  constructor(label: string, clock: Clock) {
    this.#label = label;
    this.#clock = clock;
  }

  /** Those who ask while the index is read wait for the same reading. */
  async concernedBy(happening: QueuedEvent, client: Pick<PageClient, "search">): Promise<Found> {
    if (!this.#isYounger(FRESH_MS) && !this.#isCoolingDown()) {
      this.#reading ??= this.#read(client).finally(() => {
        this.#reading = undefined;
      });
      await this.#reading;
    }
    if (this.#index && this.#isYounger(USABLE_MS)) return pagesIn(this.#index, happening);
    return { ok: false, setback: this.#setback() };
  }

  async #read(client: Pick<PageClient, "search">): Promise<void> {
    const pages: Page[] = [];
    let next: string | undefined;
    for (let calls = 0; calls === 0 || (next !== undefined && calls < MAX_CALLS); calls++) {
      const batch = await client.search(this.#label, next);
      if (!batch.ok) return this.#restAfter(batch.setback);
      for (const { id, body } of batch.value.pages) pages.push({ id, documented: documentedOn(body) });
      next = batch.value.next;
    }
    this.#index = { at: this.#clock.now(), pages };
  }

  #restAfter(ending: FinalOutcome): void {
    const askedMs = "afterSeconds" in ending ? (ending.afterSeconds ?? 0) * 1_000 : 0;
    this.#rest = { until: laterBy(this.#clock.now(), Math.max(askedMs, REST_MS)), ending };
  }

  /** Whoever comes again before the rest is over would only be told the same. */
  #setback(): FinalOutcome {
    const { ending, until } = this.#rest;
    const afterSeconds = Math.ceil((until - this.#clock.now()) / 1_000);
    return ending.outcome === "retry" ? { ...ending, afterSeconds } : ending;
  }

  #isYounger(ms: number): boolean {
    return this.#index !== undefined && this.#clock.now() - this.#index.at < ms;
  }

  #isCoolingDown(): boolean {
    return this.#clock.now() < this.#rest.until;
  }
}

interface Page {
  readonly id: string;
  readonly documented: Documented;
}

/** No search before `until`, because one ended so. */
interface Rest {
  readonly until: EpochMillis;
  readonly ending: FinalOutcome;
}

interface Index {
  readonly at: EpochMillis;
  readonly pages: readonly Page[];
}

function pagesIn({ pages }: Index, happening: QueuedEvent): Found {
  const about = { subjects: subjectsOf(happening), environment: environmentOf(happening.busEvent) };
  const ids = pages.filter(({ documented }) => isAbout(documented, about)).map(({ id }) => id);
  return { ok: true, ids: ids.slice(0, MAX_PAGES_SHOWN), leftOut: Math.max(0, ids.length - MAX_PAGES_SHOWN) };
}

interface About {
  readonly subjects: readonly string[];
  readonly environment: string | undefined;
}

/** Environments narrow what the page names beside them; alone they stand for everything that is deployed there. */
function isAbout({ subjects, environments }: Documented, about: About): boolean {
  const isThere = about.environment !== undefined && environments.has(about.environment);
  if (subjects.size === 0) return isThere;
  const isElsewhere = about.environment !== undefined && environments.size > 0 && !isThere;
  return about.subjects.some((subject) => subjects.has(subject)) && !isElsewhere;
}

/** The pipeline, or the project that is deployed; and the repository of the push or change that started it. */
function subjectsOf({ busEvent, origin }: QueuedEvent): readonly string[] {
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
