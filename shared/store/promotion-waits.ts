import type { Clock } from "../host/clock.ts";
import { expiryOf, type StoreOptions, text } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import { collect } from "./streams.ts";
import type { Table } from "./table.ts";

/** A route, and one of its environments. */
export interface WaitPlace {
  readonly route: string;
  readonly environment: string;
}

/**
 * The promotions that wait until a run in an environment has ended. An action that does not wait any more may still be
 * listed. Every method throws `store_unavailable`.
 */
export class PromotionWaits {
  readonly #table: Table;
  readonly #clock: Clock;

  constructor(table: Table, { clock }: Pick<StoreOptions, "clock">) {
    this.#table = table;
    this.#clock = clock;
  }

  /** Idempotent. */
  add(place: WaitPlace, action: string): Promise<void> {
    return this.#table.put({ pk: keyOf(place), sk: action, expiresAt: expiryOf(this.#clock.now(), KEPT) });
  }

  of(place: WaitPlace): Promise<readonly string[]> {
    return collect(this.#table.select({ partition: keyOf(place), limit: MAX_WAITS }), (item) =>
      text(item, TABLE.sortKey),
    );
  }
}

/** An action that waits is added again long before that. */
const KEPT = { retentionDays: 1 };

/** Maximum actions that one end of a run wakes. */
const MAX_WAITS = 100;

/** The name of a route contains no `#`. */
const keyOf = ({ route, environment }: WaitPlace): string => `waits#${route}#${environment}`;
