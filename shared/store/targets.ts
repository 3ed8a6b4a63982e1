import { epochMillis } from "../host/clock.ts";
import { type NamedPrincipal, namedPrincipal } from "../model/principal.ts";
import type { CircuitBreaker, OpenBreaker, TargetPause, TargetState } from "../model/target-state.ts";
import { number, text } from "./fields.ts";
import { collect } from "./streams.ts";
import type { Item, ItemKey, Table } from "./table.ts";

/**
 * The pause and the circuit breaker of each target, in one partition: they are few and read together. They do not expire:
 * a pause lasts until somebody ends it. Every method throws `store_unavailable`.
 */
export class TargetStore {
  readonly #table: Table;

  constructor(table: Table) {
    this.#table = table;
  }

  /** Strongly consistent. */
  async get(target: string): Promise<TargetState> {
    const item = await this.#table.get(keyOf(target));
    return item === undefined ? { target, revision: 0 } : stateOf(item);
  }

  /** The targets of which something is stored, by name. */
  list(): Promise<readonly TargetState[]> {
    return collect(this.#table.select({ partition: PARTITION }), stateOf);
  }

  /** Stores a state as the next revision. False, and no change, if its revision is no longer the stored one. */
  async save({ target, revision, pause, breaker }: TargetState): Promise<boolean> {
    const open = breaker?.open;
    const fields = {
      pausedAt: pause?.since,
      pausedBy: pause && JSON.stringify(pause.by),
      pauseReason: pause?.reason,
      failures: breaker?.failures,
      lastFailure: breaker?.why,
      openSince: open?.since,
      retryAt: open?.retryAt,
      retrySetAt: open?.setAt,
      probe: open?.probe,
    };
    const before = await this.#table.change(keyOf(target), {
      condition: revision === 0 ? { field: "revision", is: "absent" } : { field: "revision", is: "=", value: revision },
      set: { ...fields, revision: revision + 1 },
      remove: Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [name] : [])),
    });
    return before !== undefined;
  }
}

const PARTITION = "targets";
const keyOf = (target: string): ItemKey => ({ pk: PARTITION, sk: target });

function stateOf(item: Item): TargetState {
  const pause = pauseOf(item);
  const breaker = breakerOf(item);
  return {
    target: text(item, "sk"),
    revision: number(item, "revision"),
    ...(pause && { pause }),
    ...(breaker && { breaker }),
  };
}

function pauseOf(item: Item): TargetPause | undefined {
  if (item["pausedAt"] === undefined) return undefined;
  // Written by `save` from the same type.
  const by = namedPrincipal(JSON.parse(text(item, "pausedBy")) as NamedPrincipal);
  return { since: epochMillis(number(item, "pausedAt")), by, reason: text(item, "pauseReason") };
}

function breakerOf(item: Item): CircuitBreaker | undefined {
  if (item["failures"] === undefined) return undefined;
  const open = openOf(item);
  return { failures: number(item, "failures"), why: text(item, "lastFailure"), ...(open && { open }) };
}

function openOf(item: Item): OpenBreaker | undefined {
  if (item["openSince"] === undefined) return undefined;
  return {
    since: epochMillis(number(item, "openSince")),
    retryAt: epochMillis(number(item, "retryAt")),
    setAt: epochMillis(number(item, "retrySetAt")),
    ...(item["probe"] !== undefined && { probe: number(item, "probe") }),
  };
}
