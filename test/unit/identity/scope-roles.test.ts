import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { authenticationConfiguration, scopeRoles } from "../../../shared/identity/scope-roles.ts";
import { upstream } from "../../../shared/identity/upstream.ts";

const parse = (kubernetes: object) =>
  v.safeParse(upstream, { audience: "https://k8s.example.test", allow: [{ role: "a" }], kubernetes });
const valid = (kubernetes: object) => v.parse(upstream, { audience: "a", allow: [{ role: "a" }], kubernetes });

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}
interface RbacObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly rules?: readonly Rule[];
  readonly roleRef?: { readonly name: string };
  readonly subjects?: readonly { readonly name: string }[];
}

/** Whether the objects allow a member of the group this, by the rules of the API server's authorizer. */
function isAllowed(objects: readonly object[], group: string, namespace: string, asked: readonly string[]): boolean {
  const [apiGroup = "", resource = "", name = "", verb = ""] = asked;
  const all = (objects as readonly RbacObject[]).filter((one) => one.metadata.namespace === namespace);
  const bound = all
    .filter((one) => one.subjects?.some((subject) => subject.name === group))
    .map((one) => one.roleRef?.name);
  return all
    .filter((one) => one.kind === "Role" && bound.includes(one.metadata.name))
    .some((role) =>
      role.rules?.some(
        ({ apiGroups, resources, resourceNames = [name], verbs }) =>
          apiGroups.includes(apiGroup) &&
          resources.includes(resource) &&
          resourceNames.includes(name) &&
          verbs.includes(verb),
      ),
    );
}

describe("the roles of scopes", () => {
  const objects = scopeRoles(
    "cluster",
    valid({
      deploy: [
        { namespace: "web", groups: ["apps"], resources: ["deployments"], names: ["docs"], verbs: ["get", "patch"] },
        { namespace: "jobs", resources: ["configmaps"], verbs: ["get"] },
      ],
      read: [{ namespace: "web", resources: ["pods", "pods/log"], verbs: ["get", "list"] }],
    }),
  );

  it("a scope allows exactly what its rules say, in their namespaces", () => {
    const may = (group: string, namespace: string, ...asked: string[]) => isAllowed(objects, group, namespace, asked);
    expect(may("drawbridge:deploy", "web", "apps", "deployments", "docs", "patch")).toBe(true);
    expect(may("drawbridge:deploy", "jobs", "", "configmaps", "any", "get")).toBe(true);
    expect(may("drawbridge:read", "web", "", "pods/log", "x", "get")).toBe(true);
    for (const refused of [
      may("drawbridge:deploy", "web", "apps", "deployments", "other", "patch"),
      may("drawbridge:deploy", "web", "apps", "deployments", "docs", "delete"),
      may("drawbridge:deploy", "web", "", "pods", "x", "get"),
      may("drawbridge:deploy", "jobs", "apps", "deployments", "docs", "patch"),
      may("drawbridge:read", "jobs", "", "configmaps", "x", "get"),
      may("deploy", "web", "apps", "deployments", "docs", "patch"),
      may("system:authenticated", "web", "", "pods", "x", "get"),
    ]) {
      expect(refused).toBe(false);
    }
  });

  it("two upstreams and two scopes never share the name of a role", () => {
    const rule = [{ namespace: "web", resources: ["pods"], verbs: ["get"] }];
    const names = [...scopeRoles("a", valid({ "b-c": rule })), ...scopeRoles("a-b", valid({ c: rule }))].map(
      (one) => (one as RbacObject).metadata.name,
    );
    expect(new Set(names).size).toBe(2);
  });

  it.each([
    { deploy: [{ namespace: "web", resources: ["*"], verbs: ["get"] }] },
    { deploy: [{ namespace: "web", resources: ["pods"], verbs: ["*"] }] },
    { deploy: [{ namespace: "*", resources: ["pods"], verbs: ["get"] }] },
    { "De ploy": [{ namespace: "web", resources: ["pods"], verbs: ["get"] }] },
    { deploy: [] },
  ])("rules that would give more than they name are refused: %j", (kubernetes) => {
    expect(parse(kubernetes).success).toBe(false);
  });

  it("the API server takes tokens of this issuer and audience alone, and prefixes users and groups", () => {
    expect(authenticationConfiguration("https://bridge.example.test", { audience: "k8s" })).toMatchObject({
      kind: "AuthenticationConfiguration",
      jwt: [
        {
          issuer: { url: "https://bridge.example.test", audiences: ["k8s"] },
          claimMappings: { username: { expression: '"drawbridge:" + claims.sub' } },
        },
      ],
    });
  });
});
