import { type Clock, type EpochMillis, epochMillis } from "../../shared/host/clock.ts";
import type { Log } from "../../shared/host/log.ts";
import { LocalSecrets, type Secrets } from "../../shared/host/secrets.ts";

/** A clock that stands still until it is moved. */
export interface TestClock extends Clock {
  advance(ms: number): void;
}

export function testClock(start: string | number = "2026-11-02T09:00:00Z"): TestClock {
  let now = typeof start === "number" ? start : Date.parse(start);
  return {
    now: (): EpochMillis => epochMillis(now),
    advance: (ms) => {
      now += ms;
    },
  };
}

/** Secrets behind `env:` references. */
export const secretsOf = (environment: Readonly<Record<string, string>>): Secrets => new LocalSecrets(environment);

export const silentLog: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };
