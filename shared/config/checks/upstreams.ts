import * as v from "valibot";
import { pathOfTarget } from "../../identity/request-target.ts";
import { clusterSources, jobSources } from "../connect.ts";
import type { Check } from "./check.ts";

export const upstreamWithoutIssuer: Check = {
  id: "upstream-without-issuer",
  level: "error",
  finds: "an upstream, and no `identity`: the bridge cannot sign the tokens for it",
  remedy: "configure `identity`, or remove the upstream",
  canBeIgnored: false,
  needs: [],
  run: ({ upstreams, identity }) =>
    identity !== undefined
      ? []
      : Object.keys(upstreams).map((name) => ({
          path: ["upstreams", name],
          message: "the bridge has no `identity` to sign tokens with",
        })),
};

export const identityWithoutKey: Check = {
  id: "identity-without-key",
  level: "error",
  finds:
    "`identity` without `keys` where the bridge runs, and an upstream or a target whose tokens the bridge has to sign; not for AWS, where the stack has a key",
  remedy: "name a PEM file with an ES256 key in `identity.keys`",
  canBeIgnored: false,
  needs: [],
  run: ({ upstreams, targets, identity }, { here }) => {
    if (here === undefined || identity === undefined || identity.keys !== undefined) return [];
    const signed = [
      ...Object.keys(upstreams).map((name) => `upstreams.${name}`),
      ...targets.filter(({ settings }) => v.is(withOwnToken, settings)).map(({ name }) => `targets.${name}`),
    ];
    if (signed.length === 0) return [];
    const message = `"keys" is missing: the bridge cannot sign the tokens for ${signed.join(", ")}; only in AWS does it have a key without it`;
    return [{ path: ["identity"], message }];
  },
};

/** A target for which the bridge signs a token: as it is, or to be exchanged. */
const withOwnToken = v.object({
  identity: v.union([v.object({ bridge: v.unknown() }), v.object({ tokenExchange: v.unknown() })]),
});

export const sharedAudience: Check = {
  id: "shared-audience",
  level: "error",
  finds: "two upstreams with one `audience`: a token for one of them is valid for the other",
  remedy: "give each service an audience of its own, and several `allow` to one upstream",
  canBeIgnored: false,
  needs: [],
  run: ({ upstreams }) => {
    const all = Object.entries(upstreams);
    return all.flatMap(([name, { audience }], index) => {
      const [first] = all.find((one) => one[1].audience === audience) ?? [name];
      return index > 0 && first !== name
        ? [{ path: ["upstreams", name, "audience"], message: `the upstream "${first}" has this audience too` }]
        : [];
    });
  },
};

export const unearnedRole: Check = {
  id: "unearned-role",
  level: "warning",
  finds: "a role in `allow` of an upstream that no trust entry earns: nobody gets a token by it",
  remedy: "add the role under `roles` of the trust entry of the jobs",
  canBeIgnored: true,
  needs: ["issuers"],
  run: ({ upstreams, issuers }) => {
    const earned = new Set(Object.values(issuers).flatMap(({ roles }) => roles.map(({ role }) => role)));
    return Object.entries(upstreams).flatMap(([name, { allow }]) =>
      allow.flatMap(({ role }, index) =>
        earned.has(role)
          ? []
          : [
              {
                path: ["upstreams", name, "allow", index, "role"],
                message: `no trust entry earns the role "${role}", so nobody gets a token by it`,
              },
            ],
      ),
    );
  },
};

export const unnoticedRunEnd: Check = {
  id: "unnoticed-run-end",
  level: "warning",
  finds:
    "a trust entry whose runs may get tokens for an upstream, while no source reports the ends of these runs, or no target has the `originKey` by which pods prove their runs",
  remedy:
    "configure the source of that CI system or cluster; for pods also `originKey` of the target that starts the runs",
  canBeIgnored: true,
  needs: ["issuers", "sources", "targets"],
  run: (config) => {
    const { upstreams, issuers, targets } = config;
    const roles = Object.values(upstreams).flatMap(({ allow }) => allow.map(({ role }) => role));
    const reported = jobSources(config).map(({ preset }) => preset);
    const hasCluster = clusterSources(config).length > 0;
    const hasKey = targets.some(({ settings }) => v.is(withKey, settings));
    return Object.entries(issuers).flatMap(([name, { preset, roles: earned }]) => {
      if (preset.run === undefined || !earned.some(({ role }) => roles.includes(role))) return [];
      const path = ["issuers", name];
      const isReported = preset.pod === undefined ? reported.includes(preset.name) : hasCluster;
      if (!isReported) {
        return [{ path, message: "no source reports the ends of its runs, so their access tokens end only by expiry" }];
      }
      if (preset.pod === undefined || hasKey) return [];
      return [{ path, message: "no target has an originKey, so no pod can prove its run" }];
    });
  },
};

const withKey = v.object({ originKey: v.unknown() });

export const unreachableRequest: Check = {
  id: "unreachable-request",
  level: "error",
  finds: "a path in `requests` of an upstream that no request can have, because such a path is always refused",
  remedy: "write the path in its plain form: no `//`, no `.` and `..`, and no encoding that is not needed",
  canBeIgnored: false,
  needs: [],
  run: ({ upstreams }) =>
    Object.entries(upstreams).flatMap(([name, { requests }]) =>
      requests.flatMap(({ paths }, index) =>
        paths.flatMap((path, at) =>
          pathOfTarget(path.replace(/\*+/g, "a")) === undefined
            ? [
                {
                  path: ["upstreams", name, "requests", index, "paths", at],
                  message: `no request has the path "${path}": such a path is always refused`,
                },
              ]
            : [],
        ),
      ),
    ),
};

export const unearnedScope: Check = {
  id: "unearned-scope",
  level: "warning",
  finds: "a scope in `requests` of an upstream that no `allow` of it gives: these requests are refused to everybody",
  remedy: "add the scope to `scopes` of the roles that may have it under `allow`",
  canBeIgnored: true,
  needs: [],
  run: ({ upstreams }) =>
    Object.entries(upstreams).flatMap(([name, { allow, requests }]) => {
      const given = new Set(allow.flatMap(({ scopes }) => scopes));
      return requests.flatMap(({ scope }, index) =>
        given.has(scope)
          ? []
          : [
              {
                path: ["upstreams", name, "requests", index, "scope"],
                message: `no "allow" gives the scope "${scope}", so these requests are refused to everybody`,
              },
            ],
      );
    }),
};
