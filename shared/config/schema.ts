import * as v from "valibot";
import { type ConsoleSettings, consoleSettings } from "../console/settings.ts";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { DEFAULT_ROLES, type Roles, role } from "../identity/policy.ts";
import { type TrustEntry, trustEntry } from "../identity/trust-entry.ts";
import type { BusEvent } from "../model/bus-event.ts";
import { type BridgeIdentity, bridgeIdentity } from "../outbound/bridge-identity.ts";
import type { Pattern } from "../routes/pattern.ts";

const name = v.pipe(
  v.string(),
  v.regex(/^[a-z][a-z0-9-]{0,62}$/, "a name: a-z, 0-9 and dashes, a letter first, at most 63 in all"),
);

/**
 * `api` is what the bridge's own interface is called in records, `status` the callbacks of CI jobs, `approvals` what it
 * tells of them.
 */
const sourceName = v.pipe(
  name,
  v.check(
    (name) => !["api", "status", "approvals"].includes(name),
    'another name: "api", "status" and "approvals" are the bridge\'s own',
  ),
);

/** People behind a source, by their account there: what each earns, and the token by which the same person is known. */
const people = v.optional(
  v.record(
    nonEmptyText,
    v.strictObject({
      roles: v.array(name),
      token: v.optional(v.strictObject({ trust: v.string(), subject: nonEmptyText })),
    }),
  ),
  {},
);
type People = v.InferOutput<typeof people>;

/** Default: enforce. */
const mode = v.optional(v.picklist(["enforce", "shadow"]), "enforce");

/** A route's name begins the names of the runs it starts, which Kubernetes keeps to 63. */
const routeName = v.pipe(
  v.string(),
  v.regex(/^[a-z]([a-z0-9-]{0,32}[a-z0-9])?$/, "a route's name: a-z, 0-9 and dashes inside, at most 34 in all"),
);

const limits = v.strictObject({
  /**
   * Largest body of a webhook, in bytes. Default 1 MiB; 1 KiB to 6 MiB, which is what a synchronous Lambda call takes.
   */
  bodyBytes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1_024), v.maxValue(6_291_456)), 1_048_576),
  /** How long records are kept, in days. Default 90; 1 to 3650. */
  retentionDays: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(3_650)), 90),
});

/** Findings of `drawbridge check` that are ignored. `buildConfig.ts` knows which ids exist. */
const checks = v.strictObject({
  ignore: v.optional(
    v.array(
      v.strictObject({
        id: nonEmptyText,
        /** A path, as the finding shows it; what is below it is meant too. */
        at: v.pipe(
          v.string(),
          v.regex(/^[a-z]+[.[]./, 'a path with a section and a name in it at least, such as "routes.docs-build"'),
        ),
        reason: v.pipe(v.string(), v.regex(/\S/, "a text that says why the finding can be ignored")),
      }),
    ),
    [],
  ),
});

/**
 * The outer shape of `drawbridge.yaml`. What stands next to `provider`, `kind` and an action's `target` belongs to that
 * provider or action, whose own schema reads it; see `buildConfig.ts`.
 */
export const outline = v.strictObject({
  identity: v.optional(bridgeIdentity),
  issuers: v.optional(v.record(name, trustEntry), {}),
  roles: v.optional(v.record(name, role), DEFAULT_ROLES),
  sources: v.record(
    sourceName,
    v.looseObject({
      provider: v.string(),
      /** What the sender earns, besides what its token does. */
      roles: v.optional(v.array(name), []),
      people,
      mode,
    }),
  ),
  targets: v.optional(v.record(name, v.looseObject({ kind: v.string() })), {}),
  routes: v.optional(
    v.record(
      routeName,
      v.strictObject({
        when: v.unknown(),
        /** `shadow`: it fires also for principals whose roles do not let them, and the timeline says so. */
        mode,
        /** Somebody else has to let each run through. `expiresMinutes`: until when; default 1,440, 1 to 10,080. */
        approval: v.optional(
          v.strictObject({
            expiresMinutes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_080)), 1_440),
          }),
        ),
        /** Exactly one action. */
        do: v.record(v.string(), v.looseObject({ target: v.string() })),
      }),
    ),
    {},
  ),
  console: v.optional(consoleSettings),
  limits: v.optional(limits, {}),
  checks: v.optional(checks, {}),
});
export type Outline = v.InferOutput<typeof outline>;

/** A configuration in which every name leads somewhere and every part fits its provider or action. */
export interface Config {
  readonly identity?: BridgeIdentity | undefined;
  readonly issuers: Readonly<Record<string, TrustEntry>>;
  readonly roles: Roles;
  readonly sources: readonly ConfiguredSource[];
  readonly targets: readonly ConfiguredTarget[];
  readonly routes: readonly ConfiguredRoute[];
  readonly console?: ConsoleSettings | undefined;
  readonly limits: v.InferOutput<typeof limits>;
  readonly checks: v.InferOutput<typeof checks>;
}

export interface ConfiguredSource {
  readonly name: string;
  readonly provider: string;
  readonly roles: readonly string[];
  readonly people: People;
  readonly mode: "enforce" | "shadow";
  readonly settings: object;
}

export interface ConfiguredTarget {
  readonly name: string;
  readonly kind: string;
  readonly settings: object;
}

export interface ConfiguredRoute {
  readonly name: string;
  /** The event pattern as written; CDK makes a rule of it. */
  readonly when: unknown;
  readonly pattern: Pattern;
  readonly matches: (busEvent: BusEvent) => boolean;
  readonly mode: "enforce" | "shadow";
  readonly approval?: { readonly expiresMinutes: number } | undefined;
  readonly action: string;
  readonly target: string;
  readonly options: object;
}
