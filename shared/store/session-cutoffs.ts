import { type EpochMillis, epochMillis, laterBy, toSeconds } from "../host/clock.ts";
import { number } from "./fields.ts";
import { absentOr, type ItemKey, type Table } from "./table.ts";

/** No session of the console lasts longer, whatever its token says. */
export const MAX_SESSION_MS = 86_400_000;

/**
 * Since when the sessions of a person count: earlier ones have ended. By the subject alone, so that of two issuers' persons
 * with one subject both sign in again. Every method throws `store_unavailable`.
 */
export class SessionCutoffStore {
  readonly #table: Table;

  constructor(table: Table) {
    this.#table = table;
  }

  /** Ends all sessions that began until `at`. The latest call counts, in whatever order they come. */
  async revoke(subject: string, at: EpochMillis): Promise<void> {
    await this.#table.change(keyOf(subject), {
      condition: absentOr({ field: "notBefore", is: "<", value: at }),
      set: { notBefore: at, expiresAt: toSeconds(laterBy(at, 2 * MAX_SESSION_MS)) },
    });
  }

  /** Whether a session that began at `beganAt` has been ended. Strongly consistent. */
  async isRevoked(subject: string, beganAt: EpochMillis): Promise<boolean> {
    const item = await this.#table.get(keyOf(subject));
    return item !== undefined && epochMillis(number(item, "notBefore")) >= beganAt;
  }
}

const keyOf = (subject: string): ItemKey => ({ pk: `sessions#${subject}`, sk: "head" });
