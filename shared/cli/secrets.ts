import { type ConfiguredCredential, configuredCredentials } from "../config/credentials.ts";
import { loadConfig } from "../config/load.ts";
import { RECORD_INTERVAL_MS } from "../delivery/credential-usage.ts";
import { type EpochMillis, epochMillis, laterBy, systemClock } from "../host/clock.ts";
import type { ShownUse } from "../http/credentials.ts";
import type { Credential } from "../model/credential.ts";
import { get } from "./bridge-client.ts";
import type { Invocation } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { type Display, printFound, timeText } from "./output.ts";
import { listedCredentials } from "./responses.ts";
import { sessionOf } from "./session.ts";
import { table } from "./terminal-text.ts";

/** `drawbridge secrets`: when each secret was last used, as the bridge recorded it, and what to do next. */
export async function secretsCommand(invocation: Invocation): Promise<number> {
  const session = await sessionOf(invocation);
  const config = await loadConfig(session.config());
  const { credentials } = await get(session, "/v1/credentials", listedCredentials);
  const advised = adviseAll(configuredCredentials(config), credentials, systemClock.now());
  printFound(invocation, { whole: advised, records: advised, text: (display) => secretsText(advised, display) });
  return EXIT.done;
}

function secretsText(rows: readonly AdvisedCredential[], display: Display): string {
  if (rows.length === 0) return "No source and no target has a secret.";
  return table(
    [{ name: "SOURCE OR TARGET", least: 16 }, { name: "CREDENTIAL", least: 26 }, "LAST USED", "ADVICE"],
    rows.map(({ credential, setting, lastUsedAt, advice }) => [
      `${credential.kind} ${credential.name}`,
      `${credential.method} ${credential.credential}${setting === undefined ? "" : ` (${setting})`}`,
      lastUsedAt === undefined ? "never" : timeText(lastUsedAt, display),
      advice,
    ]),
    display,
  );
}

interface AdvisedCredential {
  readonly credential: Credential;
  /** The key under which it is configured; undefined if it is not configured. */
  readonly setting?: string;
  /** ISO 8601; undefined if no use is recorded. */
  readonly lastUsedAt: string | undefined;
  readonly advice: string;
}

/** Returns the configured credentials in their order, then the used ones that are not configured. */
export function adviseAll(
  configured: readonly ConfiguredCredential[],
  used: readonly ShownUse[],
  now: EpochMillis,
): readonly AdvisedCredential[] {
  const useOf = (credential: Credential) => used.find((use) => keyOf(use) === keyOf(credential));
  const known = new Set(configured.map(keyOf));
  return [
    ...configured.map(({ setting, ...credential }) => {
      const labelled = (label: string) => ({ ...credential, credential: label });
      const state = {
        isTarget: credential.kind === "target",
        label: credential.credential,
        hasNext: known.has(keyOf(labelled("next"))),
        use: recency(useOf(credential), now),
        currentUse: recency(useOf(labelled("current")), now),
        nextUse: recency(useOf(labelled("next")), now),
      };
      return { credential, setting, lastUsedAt: useOf(credential)?.lastUsedAt, advice: advise(state) };
    }),
    ...used
      .filter((use) => !known.has(keyOf(use)))
      .map((use) => ({ credential: use, lastUsedAt: use.lastUsedAt, advice: adviseUnknown(use, now) })),
  ];
}

const keyOf = ({ kind, name, method, credential }: Credential): string =>
  JSON.stringify([kind, name, method, credential]);

type Recency = "never" | "before" | "of late";

/** A day, and the time by which a recorded use may be older than the last use. */
const OF_LATE_MS = 86_400_000 + RECORD_INTERVAL_MS;

function recency(use: Pick<ShownUse, "lastUsedAt"> | undefined, now: EpochMillis): Recency {
  if (use === undefined) return "never";
  return laterBy(epochMillis(Date.parse(use.lastUsedAt)), OF_LATE_MS) < now ? "before" : "of late";
}

interface RotationState {
  readonly isTarget: boolean;
  readonly label: string;
  readonly hasNext: boolean;
  readonly use: Recency;
  readonly currentUse: Recency;
  readonly nextUse: Recency;
}

/**
 * Advises on a configured secret by its recorded uses. The old value can be removed if the new value is in use and the old
 * one was not used for a day. An earlier use of `next` may belong to the previous rotation, so it does not count.
 */
function advise({ isTarget, label, hasNext, use, currentUse, nextUse }: RotationState): string {
  if (isTarget || !hasNext) return ONLY_ADVICE[use];
  if (label === "next") return NEXT_ADVICE[nextUse];
  if (nextUse !== "of late") return "keep: the sender was not changed yet";
  if (currentUse === "of late") return "keep: used within a day, so not every sender was changed";
  return "not used for a day, while `next` is: safe to remove once no sender uses it; then make `next` the current one";
}

const ONLY_ADVICE: Readonly<Record<Recency, string>> = {
  never: "never used",
  before: "keep; not used for a day",
  "of late": "keep",
};

const NEXT_ADVICE: Readonly<Record<Recency, string>> = {
  never: "never used: the sender was not changed yet",
  before: "not used for a day: was the sender changed?",
  "of late": "in use",
};

/** Advises on a used credential that is not configured: a token's key, or a removed secret. */
function adviseUnknown(use: ShownUse, now: EpochMillis): string {
  const isLabel = ["current", "next"].includes(use.credential);
  if (use.kind === "source" && !isLabel) return "a token's key: its issuer changes it";
  // A label does not identify a value: the value that was `next` may be `current` now.
  if (isLabel) return "no longer configured";
  return recency(use, now) === "of late"
    ? "used within a day, and not in this configuration: does the bridge use this file?"
    : "no longer configured: safe to remove if nothing else names it";
}
