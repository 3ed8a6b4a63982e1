import type { Log } from "../../host/log.ts";
import { causeOf } from "./errors.ts";

/** At most one failure in this time is logged. */
const LOG_EVERY_MS = 60_000;

/**
 * The failures of one database. The first one is logged at once with its cause, and while they continue one line is
 * written in each minute. The end of an outage is logged too.
 */
export class Failures {
  readonly #log: Log;
  #lastWrite: string | undefined;
  #unlogged = 0;
  #isOutageLogged = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Why the last write failed; undefined if it succeeded. */
  get ofLastWrite(): string | undefined {
    return this.#lastWrite;
  }

  writeFailed(error: unknown): void {
    this.#lastWrite = causeOf(error).cause;
    this.failed(error);
  }

  failed(error: unknown): void {
    this.#unlogged += 1;
    if (this.#timer !== undefined) return;
    const fields = { ...causeOf(error), failures: this.#unlogged };
    this.#log.error(fields, "the database failed; senders are answered 503 until it works again");
    this.#unlogged = 0;
    this.#isOutageLogged = true;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
    }, LOG_EVERY_MS).unref();
  }

  wrote(): void {
    this.#lastWrite = undefined;
    if (!this.#isOutageLogged) return;
    this.#isOutageLogged = false;
    this.#log.info({ failures: this.#unlogged }, "the database works again");
    this.#unlogged = 0;
  }
}
