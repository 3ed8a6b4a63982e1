import * as v from "valibot";
import { isListed } from "../host/name-pattern.ts";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { MAX_ACCESS_MINUTES } from "../model/access-limit.ts";
import type { EventFacts } from "../model/event-facts.ts";
import type { Principal } from "../model/principal.ts";
import type { Rejection } from "../model/rejection.ts";
import { isInScope, scope } from "./scope.ts";

/** The parts of the bridge's own API that accept a caller's token. */
const PARTS = [
  "cancellations",
  "deliveries",
  "gates",
  "introspection",
  "metrics",
  "payloads",
  "sessions",
  "status",
] as const;
export type Part = (typeof PARTS)[number];

/** The permissions on a route. */
type Verb = "fire" | "replay" | "approve" | "promote";

/** Routes or targets by name; a `*` at the end stands for any rest. */
const names = (kind: "route" | "target") =>
  v.array(
    v.pipe(v.string(), v.title(kind), v.regex(/^([a-z][a-z0-9-]*)?\*?$/, `a ${kind}'s name, or its beginning and a *`)),
  );
const routes = names("route");
const targets = names("target");
const roleNames = v.pipe(v.array(v.string()), v.minLength(1));

/** One entry under `roles:` in `drawbridge.yaml`: the permissions of its holders. Everything else is denied. */
export const role = v.strictObject({
  call: v.optional(
    v.pipe(
      v.array(v.picklist(PARTS)),
      v.description(
        "Parts of the API that holders may call. `cancellations`: ask which runs of the own cluster have to be cancelled. `deliveries`: read the event log. `gates`: ask for the decisions about tasks that the holder reported. `introspection`: ask whether an access token is active. `metrics`: read the metrics of one machine. `payloads`: read the headers and the body of a delivery that the holder may read, without credentials; each look is recorded. `sessions`: end the console sessions of others. `status`: report the state of the build that the token belongs to.",
      ),
    ),
    [],
  ),
  fire: v.optional(
    v.pipe(
      routes,
      v.description(
        "Routes reserved for holders. A route that is in the `fire` of any role is fired only by events of holders.",
      ),
    ),
    [],
  ),
  replay: v.optional(v.pipe(routes, v.description("Routes that holders may replay and roll back.")), []),
  approve: v.optional(v.pipe(routes, v.description("Routes whose runs holders may approve.")), []),
  promote: v.optional(
    v.pipe(
      routes,
      v.description("Routes whose good runs holders may promote from one of its `environments` to the next."),
    ),
    [],
  ),
  summarise: v.optional(
    v.pipe(
      targets,
      v.description("Targets for whose pages holders may submit a text. Its sources also need `call: [deliveries]`."),
    ),
    [],
  ),
  pause: v.optional(v.pipe(targets, v.description("Targets that holders may pause and resume.")), []),
  in: v.optional(
    v.pipe(
      scope,
      v.description(
        "What the role is confined to, for every permission: an event, or its delivery, approval or run, must match each list that is given. One that does not report the value is outside. Without it, the role is for all.",
      ),
    ),
  ),
  // `docs/config-schema.ts` describes it, because every function in AWS loads this at its start.
  onRequest: v.optional(
    v.strictObject({
      by: roleNames,
      approvedBy: roleNames,
      maxMinutes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_ACCESS_MINUTES)), 60),
    }),
  ),
  limit: v.optional(
    v.pipe(
      v.strictObject({
        perMinute: v.pipe(
          v.number(),
          v.integer(),
          v.minValue(1),
          v.maxValue(100_000),
          v.description("Requests per minute. More are answered 429 with `Retry-After`. Costs one write per request."),
        ),
        per: v.optional(
          v.pipe(
            v.array(nonEmptyText),
            v.description(
              "Claims of the principal, such as `environment`: each of their values has its own count. Without it, the role has one.",
            ),
          ),
          [],
        ),
      }),
      v.description("Rate limit. Without it, there is none."),
    ),
  ),
});
type Role = v.InferOutput<typeof role>;
export type Roles = Readonly<Record<string, Role>>;

/** The roles of a configuration without `roles`. */
export const DEFAULT_ROLES: Readonly<Record<string, v.InferInput<typeof role>>> = {
  "on-call": { call: ["deliveries"], replay: ["*"], pause: ["*"] },
  ci: { call: ["status"] },
};

/** A rate limit; `bucket` identifies the count. */
interface RateLimit {
  readonly role: string;
  readonly bucket: readonly string[];
  readonly perMinute: number;
}

type Holder = Pick<Principal, "roles">;

/** What a permission is to be used for: the facts of events, one of which must be in the role's scope. */
export type About = readonly EventFacts[] | "anything";

/** The permissions and rate limits of the configured roles. Pure: it counts no requests. */
export interface Policy {
  /** `about`: `anything` before it is known. The caller then checks again, with the facts. */
  rejectCall(caller: Holder, part: Part, about: About): Rejection | undefined;
  /** As {@link rejectCall}. */
  rejectRoute(holder: Holder, verb: Verb, route: string, about: About): Rejection | undefined;
  /** Rejects a holder who may run no route at all again. */
  rejectAnyReplay(holder: Holder): Rejection | undefined;
  /** Whether the holder may submit a text for pages of this target. */
  rejectSummary(holder: Holder, target: string, about: About): Rejection | undefined;
  /** Whether the holder has one of the roles that may place an order, for what the order is about. */
  rejectOrder(holder: Holder, roles: readonly string[], about: About): Rejection | undefined;
  /** Whether the holder may pause and resume this target. A target is about no event. */
  rejectPause(holder: Holder, target: string): Rejection | undefined;
  /**
   * Whether the holder may know that something with these facts exists. If not, it is answered as if it did not exist. A
   * holder whose roles have no scope may know, because such a role always says why it rejects.
   */
  mayKnow(holder: Holder, about: readonly EventFacts[]): boolean;
  /** Whether the holder may make a call only for what is in the scope of a role. */
  isConfined(holder: Holder, part: Part): boolean;
  /** Roles that may do this with the route, for events that may be in their scope. */
  rolesFor(verb: Verb, route: string, about: About): readonly string[];
  /** Those of these roles that exist, for events that may be in their scope. */
  inScope(names: readonly string[], about: About): readonly string[];
  limitsOf(principal: Holder & Pick<Principal, "claims">): readonly RateLimit[];
}

export function policyOf(roles: Roles): Policy {
  const all = Object.entries(roles);
  const rolesWith = (verb: Verb, route: string) => all.filter(([, permissions]) => isListed(route, permissions[verb]));
  const rolesCalling = (part: Part) => all.filter(([, { call }]) => call.includes(part));
  const held = ({ roles: names }: Holder) => all.filter(([name]) => names.includes(name));
  return {
    rejectCall: (caller, part, about) => rejectUnless(caller, rolesCalling(part), about, `call: [${part}]`),
    rejectRoute(holder, verb, route, about) {
      const allowed = rolesWith(verb, route);
      // Every proved event fires a route that no role reserves.
      return verb === "fire" && allowed.length === 0
        ? undefined
        : rejectUnless(holder, allowed, about, `${verb}: [${route}]`);
    },
    rejectAnyReplay: (holder) =>
      rejectUnless(
        holder,
        all.filter(([, { replay }]) => replay.length > 0),
        "anything",
        "replay: [<route>]",
      ),
    rejectSummary: (holder, target, about) =>
      rejectUnless(
        holder,
        all.filter(([, { summarise }]) => isListed(target, summarise)),
        about,
        `summarise: [${target}]`,
      ),
    rejectOrder: (holder, names, about) =>
      held(holder).some(([name, one]) => names.includes(name) && mayConcern(one, about))
        ? undefined
        : missingRole(names, "roles of the order"),
    rejectPause: (holder, target) =>
      rejectUnless(
        holder,
        all.filter(([, { pause }]) => isListed(target, pause)),
        [],
        `pause: [${target}]`,
      ),
    mayKnow(holder, about) {
      const own = held(holder);
      return (
        own.every(([, one]) => one.in === undefined) || own.some(([, one]) => reveals(one) && mayConcern(one, about))
      );
    },
    isConfined: (holder, part) =>
      rolesCalling(part).every(([name, one]) => one.in !== undefined || !holder.roles.includes(name)),
    rolesFor: (verb, route, about) =>
      rolesWith(verb, route)
        .filter(([, one]) => mayConcern(one, about))
        .map(([name]) => name),
    inScope: (names, about) =>
      all.filter(([name, one]) => names.includes(name) && mayConcern(one, about)).map(([name]) => name),
    limitsOf: (principal) =>
      held(principal).flatMap(([name, { limit }]) => {
        if (limit === undefined) return [];
        const values = limit.per.map((claim) => principal.claims?.[claim] ?? "");
        return [{ role: name, bucket: [name, ...values], perMinute: limit.perMinute }];
      }),
  };
}

type Named = readonly [name: string, role: Role];

/** `key` of a role gives the permission. A role that is confined to something else would not help, so it is not named. */
function rejectUnless(holder: Holder, allowed: readonly Named[], about: About, key: string): Rejection | undefined {
  const helpful = allowed.filter(([, one]) => mayConcern(one, about)).map(([name]) => name);
  if (helpful.some((name) => holder.roles.includes(name))) return undefined;
  return missingRole(helpful, allowed.length === 0 ? `${key} under a role` : `${key} under a role whose "in" has it`);
}

/** The rejection of somebody who holds none of these roles. `key` of the configuration would give the permission to one. */
export const missingRole = (roles: readonly string[], key: string): Rejection =>
  roles.length === 0
    ? { reason: "role_missing", role: "none", key }
    : { reason: "role_missing", role: roles.join(" or ") };

/** The one rule of scopes: one of the events is in the scope of the role, if it has one. */
const mayConcern = ({ in: scope }: Role, about: About): boolean =>
  scope === undefined || about === "anything" || about.some((facts) => isInScope(scope, facts));

/** Whether the role shows its holders deliveries or approvals. */
const reveals = ({ call, replay, approve, promote }: Role): boolean =>
  call.includes("deliveries") || replay.length > 0 || approve.length > 0 || promote.length > 0;
