import { randomUUID } from "node:crypto";
import { type Clock, type Moment, momentOf, msSince, toIso } from "../host/clock.ts";
import { kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { Loop } from "../host/loop.ts";
import type { SentEvent } from "./bridge-source.ts";
import type { Counters } from "./counters.ts";
import type { RefusalReason } from "./verify-trigger.ts";

/** One refused request for one trigger. */
export interface Refusal {
  readonly trigger: string;
  readonly eventId: string;
  readonly reason: RefusalReason;
  readonly isSigned: boolean;
}

interface ReportDeps {
  /** Sends an event to the bridge and returns the status of the answer. Throws if there is none. */
  readonly send: (event: SentEvent) => Promise<number>;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Reports refusals to the bridge, in the background and within limits: whoever reaches the listener can cause any number of
 * them. Requests without a token of the bridge have a limit of their own, so that they displace no report about a request
 * that the bridge may have made. A report that cannot be sent is dropped, with a line in the log and a count.
 */
export class RefusalReports {
  readonly #deps: ReportDeps;
  readonly #loop: Loop;
  readonly #budgets: Readonly<Record<"signed" | "unsigned", Budget>>;
  #waiting: readonly Report[] = [];

  constructor(deps: ReportDeps) {
    this.#deps = deps;
    this.#budgets = { signed: new Budget(deps.clock), unsigned: new Budget(deps.clock) };
    this.#loop = new Loop("reports", { everyMs: ROUND_MS, log: deps.log }, () => this.send());
  }

  start(): void {
    this.#loop.nudge();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  add({ trigger, eventId, reason, isSigned }: Refusal): void {
    // A call that comes from no sink names neither.
    if (!TRIGGER_ID.test(trigger) || !EVENT_ID.test(eventId)) this.#drop("unnamed");
    else if (this.#budgets[isSigned ? "signed" : "unsigned"].take()) this.#add(trigger, { eventId, reason });
    else this.#drop("limit");
  }

  #add(trigger: string, data: Pick<Refusal, "eventId" | "reason">): void {
    const { clock } = this.#deps;
    const event = {
      headers: {
        "content-type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": randomUUID(),
        "ce-source": trigger,
        "ce-time": toIso(clock.now()),
        "ce-type": "dev.drawbridge.trigger.refused",
      },
      body: JSON.stringify(data),
    };
    this.#waiting = [...this.#waiting, { event, added: momentOf(clock), tries: 0 }];
  }

  /** One round: sends what has waited long enough, once each. */
  async send(): Promise<void> {
    const { clock } = this.#deps;
    const isDue = ({ added, tries }: Report): boolean => msSince(added, clock) >= (DELAYS_MS[tries] ?? 0);
    const due = this.#waiting.filter(isDue);
    this.#waiting = this.#waiting.filter((report) => !due.includes(report));
    for (const report of due) await this.#try(report);
  }

  async #try(report: Report): Promise<void> {
    const { send, counters } = this.#deps;
    const answer = await send(report.event).catch(kindOf);
    if (typeof answer === "number" && answer >= 200 && answer < 300) {
      counters.add(REPORTS, { outcome: "sent" });
      return;
    }
    const isFinal = typeof answer === "number" && answer >= 400 && answer < 500 && !HEALS.has(answer);
    const tries = report.tries + 1;
    if (!isFinal && tries < DELAYS_MS.length) {
      this.#waiting = [...this.#waiting, { ...report, tries }];
      return;
    }
    this.#deps.log.warn({ answer, tries }, "the bridge did not take the report of a refusal; it is dropped");
    this.#drop("failed");
  }

  #drop(outcome: "unnamed" | "limit" | "failed"): void {
    this.#deps.counters.add(REPORTS, { outcome });
  }
}

export const REPORTS = "drawbridge_interceptor_reports_total";

interface Report {
  readonly event: SentEvent;
  readonly added: Moment;
  readonly tries: number;
}

const ROUND_MS = 1_000;

/**
 * The ages at which a report is sent. The bridge recognises a request by an id in the listener's answer, which it has not
 * stored when the listener asks the interceptor: hence the first wait.
 */
const DELAYS_MS: readonly number[] = [5_000, 15_000, 60_000, 300_000];

/** Answers that another try may improve; 401 and 403 may mean a token that is being replaced. */
const HEALS: ReadonlySet<number> = new Set([401, 403, 408, 425, 429]);

/** The bridge accepts the same forms. */
const TRIGGER_ID = /^namespaces\/[a-z0-9-]{1,63}\/(?:triggers|triggerGroups)\/[a-z0-9][a-z0-9.-]{0,252}$/;
const EVENT_ID = /^[\w.-]{1,63}$/;

/** Reports at once, and one more for each period. */
const BURST = 20;
const PERIOD_MS = 6_000;

class Budget {
  readonly #clock: Clock;
  #left = BURST;
  #since: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.monotonic();
  }

  take(): boolean {
    const periods = Math.floor((this.#clock.monotonic() - this.#since) / PERIOD_MS);
    this.#since += periods * PERIOD_MS;
    this.#left = Math.min(BURST, this.#left + periods);
    if (this.#left === 0) return false;
    this.#left -= 1;
    return true;
  }
}
