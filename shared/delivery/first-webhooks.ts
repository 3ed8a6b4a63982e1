import { type Clock, type EpochMillis, laterBy } from "../host/clock.ts";
import type { DeliverySummary, RecordedDelivery } from "../model/recorded-delivery.ts";
import type { CredentialUsageStore } from "../store/credential-usage.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { RefusedRequest } from "./refusal-counts.ts";

export type FirstWebhookNews =
  /** No proved webhook of these sources is stored. */
  | { readonly kind: "waiting"; readonly sources: readonly string[] }
  | {
      readonly kind: "arrived";
      readonly source: string;
      readonly at: EpochMillis;
      readonly method: string;
      readonly credential: string;
    }
  /** `count`: how many with this reason since the process waits. */
  | { readonly kind: "refused"; readonly source: string; readonly reason: string; readonly count: number };

interface FirstWebhooksDeps {
  readonly credentialUses: Pick<CredentialUsageStore, "list">;
  readonly deliveries: Pick<DeliveryStore, "list">;
  readonly clock: Clock;
  readonly report: (news: FirstWebhookNews) => void;
}

/**
 * The newest deliveries that are looked at, and how far back. The use of a credential is stored moments after the delivery
 * that it proved, so only a process that was killed in between has left a delivery alone.
 */
const NEWEST = 200;
const BACK_MS = 7 * 86_400_000;

/**
 * Says which configured sources have never sent a proved webhook, then when the first of each arrives, and what is refused
 * meanwhile. It is called for each delivery and each refused request, so nothing is asked of the store while it waits.
 */
export class FirstWebhooks {
  readonly #deps: FirstWebhooksDeps;
  #waiting = new Set<string>();
  /** Sources that were proved in this process. */
  readonly #proved = new Set<string>();
  readonly #refused = new Map<string, number>();

  constructor(deps: FirstWebhooksDeps) {
    this.#deps = deps;
  }

  /** Waits for these sources from now on, except those that are known. Throws `store_unavailable`. */
  async expect(sources: readonly string[]): Promise<void> {
    const known = await this.#known();
    this.#waiting = new Set(sources.filter((source) => !known.has(source) && !this.#proved.has(source)));
    if (this.#waiting.size > 0) this.#deps.report({ kind: "waiting", sources: [...this.#waiting] });
  }

  /** A delivery was recorded. One without a proof, of shadow mode, does not count, and neither does a replay. */
  delivered(delivery: RecordedDelivery): void {
    const { source, principal, receivedAt, replay } = delivery;
    const { method, credential } = principal;
    if (!isProved(delivery) || replay !== undefined) return;
    this.#proved.add(source);
    if (!this.#waiting.delete(source)) return;
    this.#deps.report({ kind: "arrived", source, at: receivedAt, method, credential });
  }

  /** A request was refused, and nobody proved it. Reported three times of each reason, then at 10, 100 and so on. */
  refused({ source, reason }: RefusedRequest): void {
    if (!this.#waiting.has(source)) return;
    const key = JSON.stringify([source, reason]);
    const count = (this.#refused.get(key) ?? 0) + 1;
    this.#refused.set(key, count);
    if (count <= 3 || /^10+$/.test(String(count))) this.#deps.report({ kind: "refused", source, reason, count });
  }

  async #known(): Promise<ReadonlySet<string>> {
    const { credentialUses, deliveries, clock } = this.#deps;
    const now = clock.now();
    const uses = (await credentialUses.list()).filter(({ kind }) => kind === "source").map(({ name }) => name);
    const newest = await deliveries.list({
      // "~" sorts after every id.
      before: { receivedAt: now, id: "~" },
      notBefore: laterBy(now, -BACK_MS),
      limit: NEWEST,
      scanLimit: NEWEST,
      matches: isProved,
    });
    return new Set([...uses, ...newest.deliveries.map(({ source }) => source)]);
  }
}

/** Shadow mode records a refused request too. Its principal names the method that refused it, if one did. */
const isProved = ({ principal, outcome, what, refusal }: DeliverySummary): boolean =>
  // The settings of a source exclude some deliveries that are proved: `what` is the reason then.
  principal.method !== "none" && (refusal === undefined || (outcome === "ignored" && refusal.reason === what));
