import { matchesGlob } from "./glob.ts";
import type { Upstream } from "./upstream.ts";

/** The scopes of which a request needs one; none if it is not listed. `path` is in its only form. */
export const scopesOfRequest = (
  { requests }: Pick<Upstream, "requests">,
  { method, path }: { readonly method: string; readonly path: string },
): readonly string[] => [
  ...new Set(
    requests
      .filter(({ methods, paths }) => methods.includes(method) && paths.some((glob) => matchesGlob(glob, path)))
      .map(({ scope }) => scope),
  ),
];

/** What a holder of some roles may get. */
export type UpstreamGrant =
  | { readonly granted: true; readonly scopes: readonly string[] }
  /** `role`: the roles that would be allowed. */
  | { readonly granted: false; readonly because: "role"; readonly role: string }
  | { readonly granted: false; readonly because: "run" }
  | { readonly granted: false; readonly because: "scope"; readonly scope: string };

/**
 * Decides what a holder of `roles` gets of an upstream. Without a request for scopes it gets all that it may have. A scope
 * that it may not have is refused, never left out silently (RFC 6749 §5.2, `invalid_scope`). `hasRun`: the token that is
 * exchanged belongs to a run.
 */
export function upstreamGrant(
  { allow }: Upstream,
  holder: { readonly roles: readonly string[]; readonly hasRun: boolean },
  requested: readonly string[] | undefined,
): UpstreamGrant {
  const held = allow.filter(({ role }) => holder.roles.includes(role));
  if (held.length === 0) {
    return { granted: false, because: "role", role: allow.map(({ role }) => role).join(" or ") };
  }
  const usable = held.filter(({ run }) => holder.hasRun || run === "optional");
  if (usable.length === 0) return { granted: false, because: "run" };
  const allowed = new Set(usable.flatMap(({ scopes }) => scopes));
  const refused = requested?.find((scope) => !allowed.has(scope));
  if (refused !== undefined) return { granted: false, because: "scope", scope: refused };
  return { granted: true, scopes: [...new Set(requested ?? allowed)] };
}
