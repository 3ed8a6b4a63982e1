import { isSecureUrl } from "../../host/secure-url.ts";
import type { ClaimRule } from "../../identity/claim-rule.ts";
import { matchesGlob } from "../../identity/glob.ts";
import type { ClaimPath, TenantClaims } from "../../identity/presets/preset.ts";
import { presetFor } from "../../identity/presets/registry.ts";
import type { TrustEntry } from "../../identity/trust-entry.ts";
import type { ConfigProblem } from "../explain.ts";
import { namesUnder } from "../references.ts";
import type { Config } from "../schema.ts";
import type { Check } from "./check.ts";

/** The signature of a shared issuer does not prove which customer the token belongs to. */
export const unpinnedSharedIssuer: Check = {
  id: "unpinned-shared-issuer",
  level: "error",
  finds: "a trust entry for an issuer that signs for all its customers, without a pin on yours",
  remedy: "pin an id of yours in `claims` with `equals`",
  canBeIgnored: false,
  needs: [],
  run: ({ issuers }) =>
    sharedIn(issuers)
      .filter((one) => !isPinnedById(one) && !isPinnedByName(one))
      .map(({ name, entry, ids }) => ({
        path: ["issuers", name],
        message: `${entry.issuer} signs for all its customers; pin yours in "claims", by "equals" on ${shown(ids, " or ")}`,
      })),
};

export const namePinnedSharedIssuer: Check = {
  id: "name-pinned-shared-issuer",
  level: "warning",
  finds: "a shared issuer that is pinned only by a name, which another customer can take over later",
  remedy: "pin an id as well",
  canBeIgnored: true,
  needs: [],
  run: ({ issuers }) =>
    sharedIn(issuers)
      .filter((one) => isPinnedByName(one) && !isPinnedById(one))
      .map(({ name, ids }) => ({
        path: ["issuers", name, "claims"],
        message: `they pin a name, which another customer can take over later; pin ${shown(ids, " or ")} too`,
      })),
};

export const selfServedClaim: Check = {
  id: "self-served-claim",
  level: "error",
  finds:
    "a pin or a role that depends only on what the token's holder can choose or change, such as GitLab's `user_login`, an e-mail address or AWS's `request_tags`; a `glob` that anything fits (`*`) adds nothing",
  remedy: "add a rule on a claim that the issuer decides; the finding names one",
  canBeIgnored: false,
  needs: [],
  run: ({ issuers }) => Object.entries(issuers).flatMap(([name, entry]) => selfServedIn(name, entry)),
};

function selfServedIn(name: string, { preset, claims, roles }: TrustEntry): readonly ConfigProblem[] {
  const { claims: changeable = [], instead = "" } = preset.changeable ?? {};
  const isChangeable = ({ path }: ClaimRule): boolean => changeable.some((start) => isBelow(path, start));
  const isSelfServed = (rules: readonly ClaimRule[]): boolean =>
    rules.some(isChangeable) && rules.every((rule) => isChangeable(rule) || meetsAnything(rule));
  const message = (rules: readonly ClaimRule[], outcome: string): string => {
    const paths = rules.filter(isChangeable).map(({ path }) => path);
    return `the holder of the token can change ${shown(paths, " and ")} and thereby ${outcome}: ask for ${instead}`;
  };
  const pins = isSelfServed(claims)
    ? [{ path: ["issuers", name, "claims"], message: message(claims, "satisfy the entry") }]
    : [];
  const ofRoles = roles.flatMap(({ role, when }, index) =>
    isSelfServed(when)
      ? [{ path: ["issuers", name, "roles", index], message: message(when, `give itself the role "${role}"`) }]
      : [],
  );
  return [...pins, ...ofRoles];
}

export const roleWithoutCondition: Check = {
  id: "role-without-condition",
  level: "warning",
  finds:
    "a role that may approve, grant in an emergency, replay or read deliveries, which every token of a trust entry earns: the role has no `when`, and the entry pins a tenant at most",
  remedy: "grant it under `when`, by a group or an app role that only these people have",
  canBeIgnored: true,
  needs: ["roles", "routes"],
  run: ({ issuers, roles, routes }) =>
    Object.entries(issuers).flatMap(([name, entry]) =>
      entry.roles.flatMap(({ role, when }, index) =>
        when.length === 0 && !isPinned(entry) && isForPeople(role, { roles, routes })
          ? [
              {
                path: ["issuers", name, "roles", index],
                message: `every token of "${name}" earns "${role}": give it a "when", by a group or an app role`,
              },
            ]
          : [],
      ),
    ),
};

/** Whether the entry itself asks for more than a tenant, for example for a group. */
const isPinned = ({ isShared, claims }: TrustEntry): boolean => !isShared && claims.length > 0;

function isForPeople(name: string, { roles, routes }: Pick<Config, "roles" | "routes">): boolean {
  if (routes.some(({ approval }) => approval?.emergency.includes(name))) return true;
  const { call = [], replay = [], approve = [] } = roles[name] ?? {};
  return call.includes("deliveries") || replay.length > 0 || approve.length > 0;
}

export const unnamedPreset: Check = {
  id: "unnamed-preset",
  level: "warning",
  finds: "an issuer that has a preset, which the entry does not name",
  remedy: "add the `preset`, which contains the rules that are specific to the issuer",
  canBeIgnored: true,
  needs: [],
  run: ({ issuers }) =>
    Object.entries(issuers).flatMap(([name, { issuer, preset }]) => {
      const known = presetFor(issuer);
      if (known === undefined || preset.name !== PLAIN) return [];
      return [
        {
          path: ["issuers", name],
          message: `add "preset: ${known.name}", which contains the rules specific to this issuer`,
        },
      ];
    }),
};

const PLAIN = "oidc";

export const sourceSharesJobTokens: Check = {
  id: "source-shares-job-tokens",
  level: "warning",
  finds:
    "a source whose trust entry also earns a role with `call: [status]`: a job that may report a status could also send the source's events",
  remedy: "give the source and the jobs a trust entry each, with audiences of their own",
  canBeIgnored: true,
  needs: ["roles"],
  run: ({ issuers, roles, sources }) =>
    sources.flatMap(({ name, settings }) =>
      namesUnder(settings, "trust", ["sources", name]).flatMap(([path, trust]) => {
        const reporting = issuers[trust]?.roles.find(({ role }) => roles[role]?.call.includes("status"));
        if (reporting === undefined) return [];
        const message = `a job whose token earns the role "${reporting.role}" can send this source's events too: give "${trust}" to one of the two, and the other an entry with an audience of its own`;
        return [{ path, message }];
      }),
    ),
};

export const proofWithoutAddress: Check = {
  id: "proof-without-address",
  level: "warning",
  finds:
    "`proof: dpop` without [`identity`](configuration-reference.md#identity): on one machine the address in a proof is then compared with the sender's own `Host`",
  remedy: "set `identity.issuer` to the bridge's own address",
  canBeIgnored: true,
  needs: ["identity"],
  run: ({ identity, issuers }) =>
    Object.entries(issuers)
      .filter(([, { proof }]) => identity === undefined && proof === "dpop")
      .map(([name]) => ({
        path: ["issuers", name, "proof"],
        message: `without "identity.issuer" the address in a proof is compared, on one machine, with the sender's own "Host"`,
      })),
};

export const unreachableConsole: Check = {
  id: "unreachable-console",
  level: "error",
  finds: "a console whose issuer offers no sign-in, or whose trust entry accepts no ID token",
  remedy: "set `console.url`, or name a trust entry for sign-ins that accepts the client's ID tokens",
  canBeIgnored: false,
  needs: ["identity", "console"],
  run: ({ console: settings, issuers, identity }) => {
    if (settings === undefined) return [];
    const { trust, clientId, url } = settings;
    const noUrl = {
      path: ["console"],
      message: '"url" is missing: the issuer redirects browsers to it after a sign-in',
    };
    const obstacles = (issuers[trust] ? signInObstacles(issuers[trust], clientId) : []).map((why) => ({
      path: ["console", "trust"],
      message: `nobody can sign in with "${trust}": ${why}`,
    }));
    return [...(url === undefined && identity === undefined ? [noUrl] : []), ...obstacles];
  },
};

function signInObstacles(entry: TrustEntry, clientId: string): readonly string[] {
  const { issuer, audience, audienceClaim, proof, singleUse, bodyDigestClaim } = entry;
  const isBound = proof !== undefined || singleUse || bodyDigestClaim !== undefined;
  const reasons = [
    [!isSecureUrl(issuer), "its issuer is no https:// address"],
    [audienceClaim !== "aud", "its preset accepts only access tokens, and a sign-in returns an ID token"],
    [!audience.includes(clientId), "the audience of an ID token is the client, which is not among its audiences"],
    [isBound, "it requires a bound token, and a browser's token is not bound to a request or a key"],
  ] as const;
  return reasons.flatMap(([isSo, why]) => (isSo ? [why] : []));
}

interface Shared extends TenantClaims {
  readonly name: string;
  readonly entry: TrustEntry;
}

const sharedIn = (issuers: Config["issuers"]): readonly Shared[] =>
  Object.entries(issuers).flatMap(([name, entry]) => (entry.tenant ? [{ name, entry, ...entry.tenant }] : []));

const isPinnedById = ({ entry, ids }: Shared): boolean =>
  entry.claims.some((rule) => "equals" in rule && isOneOf(rule, ids));

const isPinnedByName = ({ entry, names }: Shared): boolean =>
  entry.claims.some((rule) => startsOf(rule).every((start) => isWholeName(start)) && isOneOf(rule, names));

const isOneOf = ({ path }: ClaimRule, paths: readonly ClaimPath[]): boolean =>
  paths.some((one) => one.join("\n") === path.join("\n"));

/** Returns the fixed beginnings of a rule whose texts may end with anything. Empty if the rule compares whole texts. */
function startsOf(rule: ClaimRule): readonly string[] {
  if ("equals" in rule) return [];
  if ("prefix" in rule) return rule.prefix;
  return rule.glob.filter((glob) => glob.includes("*")).map((glob) => glob.slice(0, glob.indexOf("*")));
}

/**
 * Whether a beginning contains a whole name: `example/`, `project_path:example/` or `organization:example:`. The text
 * `example` does not, because the names of other customers can begin with it too.
 */
const isWholeName = (start: string): boolean => /[^/:]\/|:[^:]+:/.test(start);

/** Whether a rule requires only that the claim exists. */
const meetsAnything = (rule: ClaimRule): boolean => "glob" in rule && rule.glob.some((glob) => /^\*+$/.test(glob));

const isBelow = (path: ClaimPath, start: ClaimPath): boolean =>
  start.every((step, at) => matchesGlob(step, path[at] ?? ""));

const shown = (paths: readonly ClaimPath[], between: string): string =>
  paths.map((path) => path.join(".")).join(between);
