import { type EpochMillis, laterBy } from "../host/clock.ts";
import { kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { APPROVALS_SOURCE } from "../model/bus-event.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { CredentialUsageStore, CredentialUse } from "../store/credential-usage.ts";

export interface CredentialUsageDeps {
  readonly credentialUses: Pick<CredentialUsageStore, "record">;
  readonly log: Log;
}

/** Each copy of the bridge writes a credential's use at most once in this time. */
export const RECORD_INTERVAL_MS = 3_600_000;
/** Credentials held in memory. With more, some are written more often. */
const MAX_REMEMBERED = 1_000;
/**
 * The issuer chooses the text of a key id. With the names before it, this stays below the 1,024 bytes of a sort key.
 */
const MAX_CHARACTERS = 200;

/**
 * Records when each credential was last used. It runs in the background: it delays no request and never throws. A use
 * that could not be recorded is recorded at the next use.
 */
export class CredentialUsage {
  readonly #deps: CredentialUsageDeps;
  readonly #recordedAt = new Map<string, EpochMillis>();
  readonly #running = new Set<Promise<void>>();

  constructor(deps: CredentialUsageDeps) {
    this.#deps = deps;
  }

  /**
   * Records the credential that proved a delivery. A delivery that shadow mode accepted without proof has none. The bridge
   * itself made the deliveries of its own source and replays: no sender used the credential of their principal there.
   */
  delivered({
    source: name,
    principal,
    receivedAt,
    replay,
  }: Pick<RecordedDelivery, "source" | "principal" | "receivedAt" | "replay">): void {
    const { method, credential } = principal;
    if (method === "none" || name === APPROVALS_SOURCE || replay !== undefined) return;
    this.record({ kind: "source", name, method, credential, lastUsedAt: receivedAt });
  }

  record(use: CredentialUse): void {
    const { kind, name, method, lastUsedAt } = use;
    const credential = use.credential.slice(0, MAX_CHARACTERS);
    const key = JSON.stringify([kind, name, method, credential]);
    const recordedAt = this.#recordedAt.get(key);
    if (recordedAt !== undefined && lastUsedAt < laterBy(recordedAt, RECORD_INTERVAL_MS)) return;
    if (this.#recordedAt.size >= MAX_REMEMBERED) this.#recordedAt.clear();
    this.#recordedAt.set(key, lastUsedAt);
    const run = this.#write({ ...use, credential }, key).finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  /** Resolves when all uses recorded so far are written. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #write(use: CredentialUse, key: string): Promise<void> {
    try {
      await this.#deps.credentialUses.record(use);
    } catch (error) {
      this.#recordedAt.delete(key);
      const { kind, name } = use;
      this.#deps.log.warn({ [kind]: name, error: kindOf(error) }, "a credential's use could not be recorded");
    }
  }
}
