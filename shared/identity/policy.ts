import * as v from "valibot";
import { nonEmptyText } from "../host/non-empty-text.ts";
import type { Principal } from "../model/principal.ts";
import type { Rejection } from "../model/rejection.ts";

/** The parts of the bridge's own interface that take a caller's token. */
const PARTS = ["deliveries", "status"] as const;
export type Part = (typeof PARTS)[number];

/** What can be done with a route. */
type Verb = "fire" | "replay" | "approve";

/** Routes by name; a `*` at the end stands for any rest. */
const routes = v.optional(
  v.array(v.pipe(v.string(), v.regex(/^([a-z][a-z0-9-]*)?\*?$/, "a route's name, or its beginning and a *"))),
  [],
);

/** One entry under `roles:` in `drawbridge.yaml`: what its holders may do. Nothing that is not written here. */
export const role = v.strictObject({
  /** `deliveries`: read the event log. `status`: tell the state of the build that the caller's token belongs to. */
  call: v.optional(v.array(v.picklist(PARTS)), []),
  /** Routes kept for holders: once a route stands under any role's `fire`, events of no one else fire it. */
  fire: routes,
  /** Routes that holders may run again, and roll back. */
  replay: routes,
  /** Routes whose runs holders may approve. */
  approve: routes,
  /** Requests that are answered; the rest meets a 429. Default: no limit. */
  limit: v.optional(
    v.strictObject({
      perMinute: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100_000)),
      /**
       * Claims of the principal, each of whose values has a count of its own, such as `environment`.
       * Default: one count for the role.
       */
      per: v.optional(v.array(nonEmptyText), []),
    }),
  ),
});
type Role = v.InferOutput<typeof role>;
export type Roles = Readonly<Record<string, Role>>;

/** What holds in a configuration that has no `roles`. */
export const DEFAULT_ROLES: Readonly<Record<string, v.InferInput<typeof role>>> = {
  "on-call": { call: ["deliveries"], replay: ["*"] },
  ci: { call: ["status"] },
};

/** A count of requests: `bucket` tells apart what is counted. */
interface RateLimit {
  readonly role: string;
  readonly bucket: readonly string[];
  readonly perMinute: number;
}

type Holder = Pick<Principal, "roles">;

/** What the roles of a configuration come to. Pure: counting is done elsewhere. */
export interface Policy {
  rejectCall(caller: Holder, part: Part): Rejection | undefined;
  rejectRoute(holder: Holder, verb: Verb, route: string): Rejection | undefined;
  /** Roles that may do this with the route. */
  rolesFor(verb: Verb, route: string): readonly string[];
  limitsOf(principal: Holder & Pick<Principal, "claims">): readonly RateLimit[];
}

export function policyOf(roles: Roles): Policy {
  const all = Object.entries(roles);
  const refuseUnless = (holder: Holder, fitting: readonly (readonly [string, Role])[]): Rejection | undefined => {
    if (fitting.some(([name]) => holder.roles.includes(name))) return undefined;
    return { reason: "role_missing", role: fitting.map(([name]) => name).join(" or ") || "none that exists" };
  };
  const holding = (verb: Verb, route: string) =>
    all.filter(([, permissions]) => permissions[verb].some((pattern) => isMeant(pattern, route)));
  return {
    rejectCall: (caller, part) =>
      refuseUnless(
        caller,
        all.filter(([, { call }]) => call.includes(part)),
      ),
    rejectRoute(holder, verb, route) {
      const fitting = holding(verb, route);
      // A route that no role keeps for itself is fired by every event that is proved.
      return verb === "fire" && fitting.length === 0 ? undefined : refuseUnless(holder, fitting);
    },
    rolesFor: (verb, route) => holding(verb, route).map(([name]) => name),
    limitsOf: (principal) =>
      all.flatMap(([name, { limit }]) => {
        if (limit === undefined || !principal.roles.includes(name)) return [];
        const values = limit.per.map((claim) => principal.claims?.[claim] ?? "");
        return [{ role: name, bucket: [name, ...values], perMinute: limit.perMinute }];
      }),
  };
}

const isMeant = (pattern: string, route: string): boolean =>
  pattern.endsWith("*") ? route.startsWith(pattern.slice(0, -1)) : pattern === route;
