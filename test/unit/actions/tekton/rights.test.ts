import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { renderTarget, toYaml } from "../../../../shared/actions/tekton/render.ts";

const settings = {
  url: "https://el.example.com",
  token: "env:TOKEN",
  runsReportedBy: "cluster",
  listener: { namespace: "ci", secret: "listener-token", allowFrom: [{ namespace: "ingress" }] },
};
const options = { run: { serviceAccount: "docs-builder", workspaces: { key: { secret: "signing-key" } } } };
const routes = ["docs-build", "docs-deploy"].map((name) => ({ name, options, isApproved: name === "docs-deploy" }));

const verbs = v.array(v.string());
const rules = v.array(v.strictObject({ apiGroups: verbs, resources: verbs, verbs }));
const scope = { name: v.string(), namespace: v.optional(v.string()) };
const role = v.looseObject({ kind: v.picklist(["Role", "ClusterRole"]), metadata: v.looseObject(scope), rules });
const roleBinding = v.looseObject({
  kind: v.picklist(["RoleBinding", "ClusterRoleBinding"]),
  metadata: v.looseObject(scope),
  subjects: v.array(v.strictObject({ kind: v.string(), ...scope })),
  roleRef: v.strictObject({ apiGroup: v.literal("rbac.authorization.k8s.io"), kind: v.string(), name: v.string() }),
});

/** `verb group/resource in namespace`; the namespace is `*` for all of the cluster. */
type Right = string;

/**
 * What an account may do, as Kubernetes decides it: the union of the rules of every role that is bound to it. A role of the
 * cluster that a RoleBinding names counts in the binding's namespace. Throws if a binding names a role that is not there,
 * because such a role may have any rule.
 */
function rightsOf(
  account: { readonly namespace: string; readonly name: string },
  objects: readonly unknown[],
): Set<Right> {
  const roles = objects.filter((object) => v.is(role, object));
  const bindings = objects.filter((object) => v.is(roleBinding, object));
  const rights = bindings
    .filter(({ subjects }) =>
      subjects.some(
        ({ kind, namespace, name }) =>
          kind === "ServiceAccount" && namespace === account.namespace && name === account.name,
      ),
    )
    .flatMap(({ kind, metadata: { namespace }, roleRef }) => {
      const bound = roles.find(
        (one) =>
          one.kind === roleRef.kind &&
          one.metadata.name === roleRef.name &&
          (one.kind === "ClusterRole" || one.metadata.namespace === namespace),
      );
      if (bound === undefined) throw new Error(`the role ${roleRef.name} is not rendered`);
      const where = kind === "ClusterRoleBinding" ? "*" : namespace;
      return bound.rules.flatMap((rule) =>
        rule.apiGroups.flatMap((group) =>
          rule.resources.flatMap((resource) => rule.verbs.map((verb) => `${verb} ${group}/${resource} in ${where}`)),
        ),
      );
    });
  return new Set(rights);
}

const { listener, routes: byRoute } = renderTarget({ name: "docs-listener", settings }, routes);
const objects: unknown[] = parseAllDocuments(toYaml([...listener, ...[...byRoute.values()].flat()])).map((document) =>
  document.toJS(),
);

describe("the rights of a rendered listener", () => {
  it("a listener may do what it needs, and nothing else", () => {
    // Measured: what the sink of Triggers asked the API server for while it served requests.
    const reads = (resource: string, where: string) =>
      ["get", "list", "watch"].map((verb) => `${verb} triggers.tekton.dev/${resource} in ${where}`);
    const needed = [
      ...["eventlisteners", "interceptors", "triggerbindings", "triggers", "triggertemplates"].flatMap((one) =>
        reads(one, "ci"),
      ),
      ...["clusterinterceptors", "clustertriggerbindings"].flatMap((one) => reads(one, "*")),
      "create tekton.dev/pipelineruns in ci",
    ];
    expect([...rightsOf({ namespace: "ci", name: "el-docs-listener" }, objects)].sort()).toEqual(needed.sort());
  });

  it.each([
    ["the account of the runs", { namespace: "ci", name: "docs-builder" }],
    ["the default account", { namespace: "ci", name: "default" }],
    ["an account of the same name elsewhere", { namespace: "other", name: "el-docs-listener" }],
  ])("rendering gives %s no right", (_, account) => {
    expect(rightsOf(account, objects)).toEqual(new Set());
  });

  it("creating a run for another service account needs no right to act as it", () => {
    expect(JSON.stringify(objects)).toContain('"taskRunTemplate":{"serviceAccountName":"docs-builder"}');
    const triggers = objects.filter((object) =>
      v.is(v.object({ kind: v.picklist(["Trigger", "EventListener"]) }), object),
    );
    // With this member of a trigger, Triggers impersonates the account.
    expect(JSON.stringify(triggers).match(/"serviceAccountName":"[^"]*"/g)).toEqual([
      '"serviceAccountName":"el-docs-listener"',
    ]);
  });
});
