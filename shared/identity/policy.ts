import * as v from "valibot";
import { isListed } from "../host/name-pattern.ts";
import { nonEmptyText } from "../host/non-empty-text.ts";
import type { Principal } from "../model/principal.ts";
import type { Rejection } from "../model/rejection.ts";

/** The parts of the bridge's own API that accept a caller's token. */
const PARTS = ["deliveries", "status", "summaries"] as const;
export type Part = (typeof PARTS)[number];

/** The permissions on a route. */
type Verb = "fire" | "replay" | "approve";

/** Routes by name; a `*` at the end stands for any rest. */
const routes = (description: string) =>
  v.optional(
    v.pipe(
      v.array(
        v.pipe(
          v.string(),
          v.title("route"),
          v.regex(/^([a-z][a-z0-9-]*)?\*?$/, "a route's name, or its beginning and a *"),
        ),
      ),
      v.description(description),
    ),
    [],
  );

/** One entry under `roles:` in `drawbridge.yaml`: the permissions of its holders. Everything else is denied. */
export const role = v.strictObject({
  call: v.optional(
    v.pipe(
      v.array(v.picklist(PARTS)),
      v.description(
        "Parts of the API that holders may call. `deliveries`: read the event log. `status`: report the state of the build that the token belongs to. `summaries`: submit a text for a page; its sources also need `deliveries`.",
      ),
    ),
    [],
  ),
  fire: routes(
    "Routes reserved for holders. A route that is in the `fire` of any role is fired only by events of holders.",
  ),
  replay: routes("Routes that holders may replay and roll back."),
  approve: routes("Routes whose runs holders may approve."),
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
  "on-call": { call: ["deliveries"], replay: ["*"] },
  ci: { call: ["status"] },
};

/** A rate limit; `bucket` identifies the count. */
interface RateLimit {
  readonly role: string;
  readonly bucket: readonly string[];
  readonly perMinute: number;
}

type Holder = Pick<Principal, "roles">;

/** The permissions and rate limits of the configured roles. Pure: it counts no requests. */
export interface Policy {
  rejectCall(caller: Holder, part: Part): Rejection | undefined;
  rejectRoute(holder: Holder, verb: Verb, route: string): Rejection | undefined;
  /** Roles that may do this with the route. */
  rolesFor(verb: Verb, route: string): readonly string[];
  limitsOf(principal: Holder & Pick<Principal, "claims">): readonly RateLimit[];
}

export function policyOf(roles: Roles): Policy {
  const all = Object.entries(roles);
  const rejectUnless = (holder: Holder, allowed: readonly (readonly [string, Role])[]): Rejection | undefined => {
    if (allowed.some(([name]) => holder.roles.includes(name))) return undefined;
    return { reason: "role_missing", role: allowed.map(([name]) => name).join(" or ") || "none that exists" };
  };
  const rolesWith = (verb: Verb, route: string) => all.filter(([, permissions]) => isListed(route, permissions[verb]));
  return {
    rejectCall: (caller, part) =>
      rejectUnless(
        caller,
        all.filter(([, { call }]) => call.includes(part)),
      ),
    rejectRoute(holder, verb, route) {
      const allowed = rolesWith(verb, route);
      // Every proved event fires a route that no role reserves.
      return verb === "fire" && allowed.length === 0 ? undefined : rejectUnless(holder, allowed);
    },
    rolesFor: (verb, route) => rolesWith(verb, route).map(([name]) => name),
    limitsOf: (principal) =>
      all.flatMap(([name, { limit }]) => {
        if (limit === undefined || !principal.roles.includes(name)) return [];
        const values = limit.per.map((claim) => principal.claims?.[claim] ?? "");
        return [{ role: name, bucket: [name, ...values], perMinute: limit.perMinute }];
      }),
  };
}
