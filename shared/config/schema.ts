import * as v from "valibot";
import { type ConfiguredApproval, DAYS } from "../approvals/configured-rules.ts";
import { isZone, minutesOf } from "../approvals/local-time.ts";
import { type ConsoleSettings, consoleSettings } from "../console/settings.ts";
import { nonEmptyText } from "../host/non-empty-text.ts";
import type { Orders } from "../identity/order.ts";
import { DEFAULT_ROLES, type Roles, role } from "../identity/policy.ts";
import { type TrustEntry, trustEntry } from "../identity/trust-entry.ts";
import { type Upstreams, upstream } from "../identity/upstream.ts";
import { type BusEvent, OWN_SOURCES } from "../model/bus-event.ts";
import type { FlowOptions } from "../model/flow.ts";
import { RESERVED_VOUCHERS } from "../model/principal.ts";
import { PROBE_ROUTE } from "../model/probe-run.ts";
import { type BridgeIdentity, bridgeIdentity } from "../outbound/bridge-identity.ts";
import {
  type CertificateAuthorities,
  certificateAuthority,
  repeatedOrigins,
} from "../outbound/certificate-authorities.ts";
import { type OtlpSettings, otlpSettings } from "../outbound/otlp-settings.ts";
import type { Pattern } from "../routes/pattern.ts";
import type { KongSettings } from "./kong.ts";

export const name = v.pipe(
  v.string(),
  v.regex(/^[a-z][a-z0-9-]{0,62}$/, "a name: a-z, 0-9 and dashes, a letter first, at most 63 in all"),
);

/**
 * Records name the bridge's own events by these sources: `api` for its HTTP interface, `status` for callbacks of CI jobs,
 * `approvals` for its events about approvals, `summaries` for texts of machines, `pages` for pages that fell
 * behind their code, `orders` for orders.
 */
export const sourceName = v.pipe(
  name,
  v.check(
    (name) => !OWN_SOURCES.includes(name),
    'another name: "api", "status", "approvals", "summaries", "pages" and "orders" are the bridge\'s own',
  ),
);

/** Tokens and events name a principal by its trust entry, or by one of the reserved words if it has none. */
const trustEntryName = v.pipe(
  name,
  v.check(
    (name) => !RESERVED_VOUCHERS.some((reserved) => reserved === name),
    'another name: "source", "unproved", "bridge" and "issuer" stand for what is not proved by a trust entry',
  ),
);

const rolesOfPerson = v.pipe(v.array(name), v.description("Roles of the person."));
const tokenOfPerson = v.optional(
  v.pipe(
    v.strictObject({
      trust: v.pipe(v.string(), v.description("Name of a trust entry. Any entry of the same issuer will do.")),
      subject: v.pipe(nonEmptyText, v.description("`sub` of the person's tokens.")),
    }),
    v.description("Tokens of the same person, so that nobody approves what they requested themselves."),
  ),
);

/** People at a source, by their account there: the roles of each person, and the subject of the same person's tokens. */
const listedPeople = v.record(nonEmptyText, v.strictObject({ roles: rolesOfPerson, token: tokenOfPerson }));

/** People who have the roles of the groups that their account is in, at the site of the source. */
const groupedPeople = v.strictObject({
  from: v.pipe(v.literal("groups"), v.description("The site is asked for the groups of each account that decides.")),
  map: v.pipe(
    v.record(nonEmptyText, v.pipe(v.array(name), v.description("Roles of those who are in the group."))),
    v.check((map) => Object.keys(map).length > 0, "at least one group, with its roles"),
    v.description("The groups, by their exact name, at GitLab by their full path."),
  ),
  target: v.optional(
    v.pipe(name, v.description("The target whose credential asks: needed if several are at the source's site.")),
  ),
  accounts: v.optional(
    v.pipe(
      v.record(nonEmptyText, v.strictObject({ roles: v.optional(rolesOfPerson), token: tokenOfPerson })),
      v.description("Accounts that are listed as well. If one has `roles`, its groups are not asked for."),
    ),
    {},
  ),
});

const configuredPeople = v.optional(
  v.pipe(
    v.union([groupedPeople, listedPeople]),
    v.description("Accounts at the sender, and what each of these people may decide."),
  ),
  {},
);

/** The accounts that are listed, by their name at the sender. One without `roles` has those of its groups. */
type People = v.InferOutput<typeof groupedPeople>["accounts"];

/** The people of a source in the configuration: who is listed, and the groups if they count. */
export function peopleIn(people: v.InferOutput<typeof configuredPeople>): Pick<ConfiguredSource, "people" | "groups"> {
  if (!isGrouped(people)) return { people };
  const { map, target, accounts } = people;
  return { people: accounts, groups: { map, target } };
}

/** An account that is called `from` has a block. */
const isGrouped = (people: v.InferOutput<typeof configuredPeople>): people is v.InferOutput<typeof groupedPeople> =>
  typeof people["from"] === "string";

/** A time of day in hours and minutes. */
const timeOfDay = v.pipe(v.string(), v.regex(/^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/, "a time such as 09:30"));

/** A time of the week in which a route may fire. */
export const weeklyWindow = v.pipe(
  v.strictObject({
    days: v.pipe(v.array(v.picklist(DAYS)), v.minLength(1), v.description("Days of the week.")),
    from: v.pipe(timeOfDay, v.description("When it opens, by the clocks of the zone.")),
    to: v.pipe(timeOfDay, v.description("When it closes: later on the same day, at most `24:00`.")),
    zone: v.pipe(
      v.string(),
      v.check(isZone, "a time zone such as Europe/Berlin"),
      v.description("Time zone, such as `Europe/Berlin` or `UTC`."),
    ),
  }),
  v.check(({ from, to }) => minutesOf(from) < minutesOf(to), "a window that ends later on the same day than it begins"),
);

const mode = v.picklist(["enforce", "shadow"]);

const grantRuleHead = v.looseObject({
  id: v.string(),
  mode: v.optional(v.string()),
  when: v.optional(v.record(v.string(), v.unknown())),
});

/** The names of runs begin with the name of their route. Kubernetes allows 63 characters for a run's name. */
const routeName = v.pipe(
  v.string(),
  v.regex(/^[a-z]([a-z0-9-]{0,32}[a-z0-9])?$/, "a route's name: a-z, 0-9 and dashes inside, at most 34 in all"),
  v.check((name) => name !== PROBE_ROUTE, 'another name: "drawbridge-probe" is the trigger of `check --live`'),
);

const limits = v.strictObject({
  bodyBytes: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(1_024),
      // The limit of a synchronous call of a Lambda function, whose event has the body as JSON text or in base64.
      v.maxValue(6_291_456),
      v.description(
        "Largest body of a webhook, in bytes. A larger one is rejected with 413. AWS takes up to 6 MB with the body escaped or in base64, so set at most 4,194,304 there.",
      ),
    ),
    // Kubernetes stores objects of up to 1.5 MB, and Tekton sends them whole.
    2_097_152,
  ),
  retentionDays: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(1),
      v.maxValue(3_650),
      v.description(
        "Days for which records are kept. In AWS at least 29, because a message may wait that long for its action.",
      ),
    ),
    90,
  ),
  chainHops: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(1),
      v.maxValue(100),
      v.description(
        "Longest chain of runs, each started because of an event of the one before. A route starts no run for an event at the end of such a chain.",
      ),
    ),
    8,
  ),
  shutdownSeconds: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(1),
      v.maxValue(300),
      v.description(
        "Seconds that running work gets after SIGTERM or SIGINT, on one machine. What is cut off then continues at the next start.",
      ),
    ),
    10,
  ),
});

/** Findings of `drawbridge check` that are ignored. `build-config.ts` checks the ids. */
const checks = v.strictObject({
  ignore: v.optional(
    v.pipe(
      v.array(
        v.strictObject({
          id: v.pipe(
            nonEmptyText,
            v.title("id of a check"),
            v.description("The id that the finding shows in brackets. Not every error can be ignored."),
          ),
          at: v.pipe(
            v.string(),
            v.regex(/^[a-z]+[.[]./, 'a path with a section and a name in it at least, such as "routes.docs-build"'),
            v.title("path"),
            v.description(
              "Where it is, as the finding shows it, such as `routes.docs-build`. What is below that path is meant too.",
            ),
          ),
          reason: v.pipe(
            v.string(),
            v.regex(/\S/, "a text that says why the finding can be ignored"),
            v.description("Why it can be ignored. `check` prints it."),
          ),
        }),
      ),
      v.description("The findings that are ignored."),
    ),
    [],
  ),
});

export const canEdit = v.optional(v.picklist(["page"]));

/** Without a description, and checked in `build-config.ts`: every function in AWS loads this at its start. */
export const flowOptions = v.custom<FlowOptions>((value) => typeof value === "object" && value !== null);

/**
 * The outer shape of `drawbridge.yaml`. The keys beside `provider`, `kind` and an action's `target` belong to that provider
 * or action and are validated by its own schema, in `build-config.ts`; so are those of an order, which a function in AWS
 * that starts for a delivery does not load.
 */
export const outline = v.strictObject({
  identity: v.optional(
    v.pipe(bridgeIdentity, v.description("The bridge as an issuer of short-lived tokens for the calls it makes.")),
  ),
  certificateAuthorities: v.optional(
    v.pipe(
      v.record(name, certificateAuthority),
      v.check((given) => repeatedOrigins(given).length === 0, "each origin under one authority only"),
      v.description(
        "Who signs the certificates of targets, token endpoints and issuers that no public authority signs.",
      ),
    ),
    {},
  ),
  issuers: v.optional(
    v.pipe(
      v.record(trustEntryName, trustEntry),
      v.description("Trust entries: whose tokens are accepted, for which audience, and which roles they earn."),
    ),
    {},
  ),
  roles: v.optional(
    v.pipe(v.record(name, role), v.description("What the holders of each role may do.")),
    DEFAULT_ROLES,
  ),
  upstreams: v.optional(
    v.pipe(
      v.record(name, upstream),
      v.description("Services for which the bridge exchanges the tokens of runs. Needs `identity`."),
    ),
    {},
  ),
  sources: v.pipe(
    v.record(
      sourceName,
      v.looseObject({
        provider: v.pipe(v.string(), v.description("The kind of sender.")),
        roles: v.optional(
          v.pipe(v.array(name), v.description("Roles that the sender earns, besides those of its token.")),
          [],
        ),
        people: configuredPeople,
        mode: v.optional(
          v.pipe(
            mode,
            v.description("`shadow`: every request is accepted, proved or not, and the record gives the reason."),
          ),
          "enforce",
        ),
      }),
    ),
    v.description("Configured senders. The webhook address of one is `/webhooks/<name>`."),
  ),
  targets: v.optional(
    v.pipe(
      v.record(name, v.looseObject({ kind: v.pipe(v.string(), v.description("The kind of target.")) })),
      v.description("The places where actions land."),
    ),
    {},
  ),
  routes: v.optional(
    v.pipe(
      v.record(
        routeName,
        v.strictObject({
          when: v.unknown(),
          mode: v.optional(
            v.pipe(
              mode,
              v.description(
                "`shadow`: the route also fires without the role that `fire` asks for and without an approval, and the timeline says so.",
              ),
            ),
            "enforce",
          ),
          approval: v.optional(
            v.pipe(
              v.strictObject({
                expiresMinutes: v.optional(
                  v.pipe(
                    v.number(),
                    v.integer(),
                    v.minValue(1),
                    v.maxValue(10_080),
                    v.description("Minutes until a request for an approval expires."),
                  ),
                  1_440,
                ),
                remindMinutes: v.optional(
                  v.pipe(
                    v.array(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_080))),
                    v.minLength(1),
                    v.maxLength(5),
                    v.check(
                      (minutes) => minutes.every((one, at) => one > (minutes[at - 1] ?? 0)),
                      "minutes in ascending order",
                    ),
                    v.description(
                      "Minutes after the request at which an event `approval.reminded` reports that nobody has decided.",
                    ),
                  ),
                ),
                approvers: v.optional(
                  v.pipe(
                    v.number(),
                    v.integer(),
                    v.minValue(1),
                    v.maxValue(10),
                    v.description("Distinct people who have to grant each run; at least one for each of `fromRoles`."),
                  ),
                  1,
                ),
                fromRoles: v.optional(
                  v.pipe(
                    v.array(name),
                    v.maxLength(10),
                    v.description(
                      "Roles that have to take part: a distinct person for each. Each role needs `approve` for the route.",
                    ),
                  ),
                  [],
                ),
                // `build-config.ts` checks that `approvers` and `fromRoles` are not there too.
                of: v.optional(
                  v.pipe(
                    v.array(v.pipe(v.array(name), v.minLength(1), v.maxLength(10))),
                    v.minLength(1),
                    v.maxLength(10),
                    v.description(
                      "In place of `approvers` and `fromRoles`: lists of roles, and each list is enough. A distinct person for each role of a list.",
                    ),
                  ),
                ),
                reason: v.optional(
                  v.pipe(
                    v.picklist(["optional", "required"]),
                    v.description("Whether each grant needs a reason. A label has none, so it then grants nothing."),
                  ),
                  "optional",
                ),
                windows: v.optional(
                  v.pipe(
                    v.array(weeklyWindow),
                    v.maxLength(20),
                    v.description("Times of the week in which runs may fire. Without it, always."),
                  ),
                  [],
                ),
                outsideWindows: v.optional(
                  v.pipe(
                    v.picklist(["wait", "refuse"]),
                    v.description(
                      "Outside the windows: `wait`: a grant counts, and the run waits for the next window. `refuse`: a grant is refused.",
                    ),
                  ),
                  "wait",
                ),
                emergency: v.optional(
                  v.pipe(
                    v.array(name),
                    v.maxLength(10),
                    v.description(
                      "Roles whose holders may grant a run in an emergency: alone, without the other approvers, and outside the windows, with a reason. Each use raises an alarm. They need no `approve`. Without it, nobody may.",
                    ),
                  ),
                  [],
                ),
                canEdit: v.pipe(
                  canEdit,
                  v.description(
                    "`page`: whoever grants may edit the page that the run is about, as the target under `verifyWith` answers at the grant and before the run fires.",
                  ),
                ),
                // `grant-rules.ts` has the rest, because the functions in AWS that start for a delivery do not need it.
                grantedBy: v.optional(v.array(grantRuleHead), []),
                verifyWith: v.optional(
                  v.pipe(
                    name,
                    v.description(
                      "Name of a target whose site is asked, at the grant and before each attempt to fire, whether what was approved is still the same: a GitLab target for commits, a Confluence target for pages. Without it, only the newest event is compared.",
                    ),
                  ),
                ),
              }),
              v.description("Each run waits until another person approves it. `{}` takes the default."),
            ),
          ),
          // `build-config.ts` checks these two.
          environments: v.optional(v.array(v.string())),
          flow: v.optional(flowOptions),
          do: v.record(v.string(), v.looseObject({ target: v.string() })),
        }),
      ),
      v.description("Rules: an event pattern, and the action to run."),
    ),
    {},
  ),
  // Without a description: `docs/config-schema.ts` has it, because every function in AWS loads this at its start.
  orders: v.optional(v.record(name, v.looseObject({})), {}),
  // `build-config.ts` checks it. No function needs it.
  kong: v.optional(v.unknown()),
  console: v.optional(
    v.pipe(consoleSettings, v.description("Web pages under `/console`. Without it, the address answers 404.")),
  ),
  otlp: v.optional(
    v.pipe(otlpSettings, v.description("Where threads are sent as OpenTelemetry traces. On one machine only.")),
  ),
  limits: v.optional(v.pipe(limits, v.description("Size of requests, retention, and shutdown.")), {}),
  checks: v.optional(v.pipe(checks, v.description("Findings of `drawbridge check` that are ignored.")), {}),
});
export type Outline = v.InferOutput<typeof outline>;

/** A configuration in which every name is resolved and every part is valid for its provider or action. */
export interface Config {
  readonly identity?: BridgeIdentity | undefined;
  readonly certificateAuthorities: CertificateAuthorities;
  readonly issuers: Readonly<Record<string, TrustEntry>>;
  readonly roles: Roles;
  readonly upstreams: Upstreams;
  readonly sources: readonly ConfiguredSource[];
  readonly targets: readonly ConfiguredTarget[];
  readonly routes: readonly ConfiguredRoute[];
  readonly orders: Orders;
  readonly console?: ConsoleSettings | undefined;
  readonly otlp?: OtlpSettings | undefined;
  readonly kong?: KongSettings | undefined;
  readonly limits: v.InferOutput<typeof limits>;
  readonly checks: v.InferOutput<typeof checks>;
}

/** Without the orders, which a function in AWS loads with the first that it judges. */
export type ConfigWithoutOrders = Omit<Config, "orders">;

export interface ConfiguredSource {
  readonly name: string;
  readonly provider: string;
  readonly roles: readonly string[];
  readonly people: People;
  /** Undefined if only the accounts in `people` count. */
  readonly groups?: GroupMap | undefined;
  readonly mode: "enforce" | "shadow";
  readonly settings: object;
}

/** The people of a source who are known by groups. */
export interface GroupMap {
  /** The roles that each group gives. */
  readonly map: Readonly<Record<string, readonly string[]>>;
  /** The target that is asked; undefined if the only one of the source's kind and site is meant. */
  readonly target?: string | undefined;
}

export interface ConfiguredTarget {
  readonly name: string;
  readonly kind: string;
  readonly settings: object;
}

export interface ConfiguredRoute {
  readonly name: string;
  /** The event pattern as written. CDK creates a rule from it. */
  readonly when: unknown;
  readonly pattern: Pattern;
  readonly matches: (busEvent: BusEvent) => boolean;
  readonly mode: "enforce" | "shadow";
  readonly approval?:
    | (ConfiguredApproval & {
        readonly expiresMinutes: number;
        readonly remindMinutes?: readonly number[] | undefined;
        readonly verifyWith?: string | undefined;
      })
    | undefined;
  readonly flow?: FlowOptions | undefined;
  /** In the order in which a run is promoted; undefined if none can be. */
  readonly environments?: readonly string[] | undefined;
  readonly action: string;
  readonly target: string;
  readonly options: object;
}
