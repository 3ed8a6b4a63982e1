import { type EpochMillis, laterBy } from "../host/clock.ts";
import { kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { CredentialUsageStore, CredentialUse } from "../store/credential-usage.ts";

export interface CredentialUsageDeps {
  readonly credentialUses: Pick<CredentialUsageStore, "record">;
  readonly log: Log;
}

/** A credential's use is written this often at most, by each copy of the bridge. */
export const RECORD_INTERVAL_MS = 3_600_000;
/** Credentials held in memory; with more, some are written more often. */
const MAX_REMEMBERED = 1_000;
/** A key id is the issuer's text; with the names before it, this stays below the 1,024 bytes of a sort key. */
const MAX_CHARACTERS = 200;

/**
 * Notes when each credential was last used, beside the work and never in its way: nothing here throws, and what could not
 * be noted is noted at the next use.
 */
export class CredentialUsage {
  readonly #deps: CredentialUsageDeps;
  readonly #noted = new Map<string, EpochMillis>();
  readonly #running = new Set<Promise<void>>();

  constructor(deps: CredentialUsageDeps) {
    this.#deps = deps;
  }

  /** The credential that proved a delivery. Shadow mode lets in what nothing has proved. */
  delivered({
    source: name,
    principal,
    receivedAt,
  }: Pick<RecordedDelivery, "source" | "principal" | "receivedAt">): void {
    const { method, credential } = principal;
    if (method === "none") return;
    this.record({ kind: "source", name, method, credential, lastUsedAt: receivedAt });
  }

  record(use: CredentialUse): void {
    const { kind, name, method, lastUsedAt } = use;
    const credential = use.credential.slice(0, MAX_CHARACTERS);
    const key = JSON.stringify([kind, name, method, credential]);
    const noted = this.#noted.get(key);
    if (noted !== undefined && lastUsedAt < laterBy(noted, RECORD_INTERVAL_MS)) return;
    if (this.#noted.size >= MAX_REMEMBERED) this.#noted.clear();
    this.#noted.set(key, lastUsedAt);
    const run = this.#write({ ...use, credential }, key).finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  /** Resolves when what was noted so far is written. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #write(use: CredentialUse, key: string): Promise<void> {
    try {
      await this.#deps.credentialUses.record(use);
    } catch (error) {
      this.#noted.delete(key);
      const { kind, name } = use;
      this.#deps.log.warn({ [kind]: name, error: kindOf(error) }, "a credential's use could not be noted");
    }
  }
}
