import type { Upstream } from "./upstream.ts";

const RBAC = "rbac.authorization.k8s.io";

/** What the username and the groups of a token begin with, so that they are no user or group of the cluster's own. */
const PREFIX = "drawbridge:";

/**
 * The Kubernetes objects that give the scopes of an upstream their meaning: in each namespace a Role with the rules of a
 * scope, and a binding to the group `drawbridge:<scope>`.
 */
export function scopeRoles(name: string, { kubernetes }: Pick<Upstream, "kubernetes">): readonly object[] {
  return Object.entries(kubernetes).flatMap(([scope, rules]) =>
    [...new Set(rules.map(({ namespace }) => namespace))].flatMap((namespace) => {
      // A dot separates the two: neither a scope nor the name of an upstream has one.
      const metadata = {
        name: `drawbridge.${name}.${scope}`,
        namespace,
        labels: { "app.kubernetes.io/managed-by": "drawbridge" },
      };
      const role = {
        apiVersion: `${RBAC}/v1`,
        kind: "Role",
        metadata,
        rules: rules
          .filter((rule) => rule.namespace === namespace)
          .map(({ groups, resources, names, verbs }) => ({
            apiGroups: groups,
            resources,
            ...(names && { resourceNames: names }),
            verbs,
          })),
      };
      const binding = {
        apiVersion: `${RBAC}/v1`,
        kind: "RoleBinding",
        metadata,
        roleRef: { apiGroup: RBAC, kind: "Role", name: metadata.name },
        subjects: [{ apiGroup: RBAC, kind: "Group", name: `${PREFIX}${scope}` }],
      };
      return [role, binding];
    }),
  );
}

/**
 * How the API server reads the bridge's tokens: a file for its option `--authentication-config`
 * (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration). Each scope
 * becomes a group.
 */
export const authenticationConfiguration = (issuer: string, { audience }: Pick<Upstream, "audience">): object => ({
  apiVersion: "apiserver.config.k8s.io/v1",
  kind: "AuthenticationConfiguration",
  jwt: [
    {
      issuer: { url: issuer, audiences: [audience] },
      claimMappings: {
        username: { expression: `"${PREFIX}" + claims.sub` },
        groups: { expression: `claims.scope.split(" ").map(scope, "${PREFIX}" + scope)` },
        extra: [{ key: "drawbridge.dev/token", valueExpression: "claims.jti" }],
      },
    },
  ],
});
