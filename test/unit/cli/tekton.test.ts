import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, parseAllDocuments, stringify } from "yaml";
import { runCommand } from "../../../shared/cli/run-command.ts";
import { checkConfig } from "../../../shared/config/check.ts";
import { commandHost } from "../../support/command-host.ts";
import { secretsOf } from "../../support/test-doubles.ts";

const golden = (name: string) => fileURLToPath(new URL(`../actions/tekton/golden/${name}`, import.meta.url));

async function render(...args: readonly string[]) {
  const printed: string[] = [];
  const host = commandHost({ environment: {}, print: (text) => void printed.push(text) });
  const code = await runCommand(["tekton", "render", ...args, "--config", golden("drawbridge.yaml")], host);
  return { code, lines: printed };
}

describe("the command tekton render", () => {
  it("the objects of a target with three routes are those of the golden file", async () => {
    const { code, lines } = await render("docs-listener");
    expect(code).toBe(0);
    await expect(lines.join("\n")).toMatchFileSnapshot(golden("docs-listener.yaml"));
  });

  it("the objects of each route, rendered alone, are part of what is rendered for the target", async () => {
    const whole = parseAllDocuments((await render("docs-listener")).lines.join("\n")).map((one) => one.toJS());
    for (const route of ["docs-build", "docs-push", "docs-deploy"]) {
      const parts = parseAllDocuments((await render("docs-listener", "--route", route)).lines.join("\n"));
      expect(parts.map((one) => one.get("kind"))).toEqual(["TriggerBinding", "TriggerTemplate", "Trigger"]);
      for (const part of parts) expect(whole).toContainEqual(part.toJS());
    }
  });

  it("the configuration of the golden file has no errors", async () => {
    const findings = await checkConfig(golden("drawbridge.yaml"), secretsOf({}));
    expect(findings.filter(({ level, id }) => level === "error" && id !== "unreadable-secret")).toEqual([]);
  });

  it.each([
    [["docs-build"], 'render its target with "tekton render docs-listener --route docs-build"'],
    [["nope"], 'no target "nope" has the kind tekton; these have: docs-listener'],
    [["docs-listener", "--route", "nope"], "it has: docs-build, docs-push, docs-deploy"],
    [["docs-listener", "--diff", "/no/such/file"], "cannot be read"],
  ])("the arguments %j are rejected with what to do", async (args, message) => {
    await expect(render(...args)).rejects.toMatchObject({
      code: "usage_invalid",
      message: expect.stringContaining(message),
    });
  });
});

describe("the option --diff", () => {
  let folder: string;
  let objects: readonly Exported[];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "drawbridge-diff-"));
    const { lines } = await render("docs-listener");
    objects = parseAllDocuments(lines.join("\n")).map((document) => document.toJS() as Exported);
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function diff(exported: string, ...args: readonly string[]) {
    const path = join(folder, "cluster.yaml");
    await writeFile(path, exported);
    return render("docs-listener", "--diff", path, ...args);
  }

  /** The objects as `kubectl get -o yaml` prints them: in a list, with what the API server and controllers add. */
  const exportOf = (changed: readonly Exported[]) =>
    stringify({ apiVersion: "v1", kind: "List", metadata: { resourceVersion: "" }, items: changed.map(asStored) });

  const change = (kind: string, edit: (object: Exported) => unknown): readonly Exported[] => {
    const copies = structuredClone(objects);
    edit(found(copies, kind));
    return copies;
  };

  it("a cluster that has what is rendered does not differ, whatever the API server added", async () => {
    expect(await diff(exportOf(objects))).toEqual({ code: 0, lines: [] });
    const half = objects.length / 2;
    const documents = `${exportOf(objects.slice(half))}---\n${exportOf(objects.slice(0, half))}---\n`;
    expect(await diff(documents)).toEqual({ code: 0, lines: [] });
    expect(await diff(objects.map((object) => stringify(object)).join("---\n"))).toEqual({ code: 0, lines: [] });
  });

  it.each<[string, string, (object: Exported) => unknown, string]>([
    [
      "a right that somebody added",
      "Role",
      ({ rules = [] }) => rules.push({ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }),
      'Role ci/drawbridge:docs-listener: rules[2] is {"apiGroups":[""],"resources":["secrets"],"verbs":["get"]} and not rendered',
    ],
    [
      "a verb that somebody widened",
      "ClusterRole",
      ({ rules = [] }) => Object.assign(rules[0] ?? {}, { verbs: ["*"] }),
      'ClusterRole drawbridge:ci:docs-listener: rules[0].verbs[0] is "*"; rendered is "get"',
    ],
    [
      "a trigger inside the listener",
      "EventListener",
      ({ spec = {} }) => Object.assign(spec, { triggers: [spec["triggers"], { name: "by-hand" }].flat() }),
      'EventListener ci/docs-listener: spec.triggers[1] is {"name":"by-hand"} and not rendered',
    ],
    [
      "a listener that serves every namespace",
      "EventListener",
      ({ spec = {} }) => Object.assign(spec, { namespaceSelector: { matchNames: ["*"] } }),
      'EventListener ci/docs-listener: spec.namespaceSelector is {"matchNames":["*"]} and not rendered',
    ],
    [
      "a trigger without its filter",
      "Trigger",
      ({ spec = {} }) => void delete spec["interceptors"],
      "Trigger ci/docs-build: spec.interceptors is missing",
    ],
    [
      "a label that is gone",
      "Trigger",
      ({ metadata }) => void delete metadata.labels,
      'Trigger ci/docs-build: metadata.labels.drawbridge.dev/listener is missing; rendered is "docs-listener"',
    ],
    [
      "a policy that lets everybody in",
      "NetworkPolicy",
      ({ spec = {} }) => Object.assign(spec, { ingress: [{}] }),
      "NetworkPolicy ci/el-docs-listener: spec.ingress[0].from is missing",
    ],
    [
      "a rule that lets everybody in",
      "NetworkPolicy",
      ({ spec = {} }) => Object.assign(spec, { ingress: [spec["ingress"], {}].flat() }),
      "NetworkPolicy ci/el-docs-listener: spec.ingress[1] is {} and not rendered",
    ],
    ...["namespaceSelector", "podSelector"].map((selector): [string, string, (object: Exported) => unknown, string] => [
      `a peer whose ${selector} selects everything`,
      "NetworkPolicy",
      ({ spec = {} }) => ingressOf(spec)[0]?.from.push({ [selector]: {} }),
      `is {"${selector}":{}} and not rendered`,
    ]),
  ])("the difference is printed for %s", async (_, kind, edit, line) => {
    const { code, lines } = await diff(exportOf(change(kind, edit)));
    expect(code).toBe(1);
    expect(lines).toContainEqual(expect.stringContaining(line));
  });

  it("an object that is missing is printed", async () => {
    const without = objects.filter(({ kind, metadata }) => kind !== "Trigger" || metadata.name !== "docs-push");
    expect(await diff(exportOf(without))).toEqual({ code: 1, lines: ["Trigger ci/docs-push: missing in the cluster"] });
    expect((await diff("")).lines).toHaveLength(objects.length);
  });

  it("the trigger of a route that is gone is printed, because it still starts runs", async () => {
    const old = structuredClone(found(objects, "Trigger"));
    old.metadata.name = "old-route";
    const elsewhere = structuredClone(old);
    elsewhere.metadata.namespace = "other";
    const { code, lines } = await diff(exportOf([...objects, old, elsewhere]));
    expect({ code, lines }).toEqual({
      code: 1,
      lines: ["Trigger ci/old-route: not rendered; delete it in the cluster if nobody needs it"],
    });
  });

  it("an object that another target renders for the same listener is not to be deleted", async () => {
    const config = parse(await readFile(golden("drawbridge.yaml"), "utf8"));
    const twin = structuredClone(config.targets["docs-listener"]);
    twin.listener.name = "docs-listener";
    config.targets.twin = twin;
    config.routes["docs-push"].do.tekton.target = "twin";
    const [path, cluster] = [join(folder, "twin.yaml"), join(folder, "cluster.yaml")];
    await writeFile(path, stringify(config));
    await writeFile(cluster, exportOf(objects));
    const printed: string[] = [];
    const host = commandHost({ environment: {}, print: (text) => void printed.push(text) });
    await runCommand(["tekton", "render", "docs-listener", "--diff", cluster, "--config", path], host);
    expect(printed).toContain("Trigger ci/docs-push: rendered by target twin");
    expect(printed.filter((line) => line.includes("not rendered"))).toEqual([]);
  });

  it("a binding that gives the listener's account other rights is printed", async () => {
    const stock = structuredClone(found(objects, "ClusterRoleBinding"));
    stock.metadata.name = "el-docs-listener-ci";
    const other = { ...structuredClone(stock), metadata: { name: "of-another-account" } };
    other.subjects = [{ kind: "ServiceAccount", name: "el-docs-listener", namespace: "other" }];
    expect((await diff(exportOf([...objects, stock, other]))).lines).toEqual([
      "ClusterRoleBinding el-docs-listener-ci: not rendered; delete it in the cluster if nobody needs it",
    ]);
  });

  it.each([
    [{ kind: "User", name: "system:serviceaccount:ci:el-docs-listener" }, true],
    [{ kind: "Group", name: "system:serviceaccounts:ci" }, true],
    [{ kind: "User", name: "system:serviceaccount:other:el-docs-listener" }, false],
    [{ kind: "Group", name: "system:serviceaccounts:other" }, false],
  ])("a binding of %j gives the listener's account rights: %s", async (subject, isPrinted) => {
    const binding = structuredClone(found(objects, "ClusterRoleBinding"));
    binding.metadata.name = "by-hand";
    binding.subjects = [{ apiGroup: "rbac.authorization.k8s.io", ...subject }];
    const owned = structuredClone(binding);
    Object.assign(owned.metadata, { name: "owned", ownerReferences: [{ kind: "Deployment", name: "any" }] });
    const printed = ["by-hand", "owned"].map(
      (name) => `ClusterRoleBinding ${name}: not rendered; delete it in the cluster if nobody needs it`,
    );
    expect((await diff(exportOf([...objects, binding, owned]))).lines).toEqual(isPrinted ? printed : []);
  });

  it.each([[{ kind: "ConfigMap", name: "any" }], [{ kind: "EventListener", name: "docs-listener" }]])(
    "a Trigger that nobody renders is printed although it is owned by %j",
    async (owner) => {
      const trigger = structuredClone(found(objects, "Trigger"));
      Object.assign(trigger.metadata, { name: "by-hand", ownerReferences: [owner] });
      expect((await diff(exportOf([...objects, trigger]))).lines).toEqual([
        "Trigger ci/by-hand: not rendered; delete it in the cluster if nobody needs it",
      ]);
    },
  );

  it("the Deployment that Tekton itself made for the listener is no difference", async () => {
    const labels = found(objects, "EventListener").metadata.labels;
    const owners = [{ kind: "EventListener", name: "docs-listener" }];
    const deployment = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "el-docs-listener", namespace: "ci", labels, ownerReferences: owners },
    };
    expect(await diff(exportOf([...objects, deployment]))).toEqual({ code: 0, lines: [] });
  });

  it("only the objects of a route are compared with --route", async () => {
    const triggers = objects.filter(({ metadata }) => metadata.name === "docs-push");
    expect(await diff(exportOf(triggers), "--route", "docs-push")).toEqual({ code: 0, lines: [] });
  });

  it("control characters of a cluster are not printed", async () => {
    const { lines } = await diff(
      exportOf(change("Trigger", ({ spec = {} }) => Object.assign(spec, { "\u001b[2J": "\u009b" }))),
    );
    expect(lines.join("")).not.toMatch(/\p{Cc}/u);
    expect(lines).toHaveLength(1);
  });

  it.each([
    ["aliases of aliases", ALIASES_OF_ALIASES],
    ["an alias without its anchor", "kind: *none"],
    ["lists in lists", "[".repeat(100_000)],
    ["lists of one line each", `${"- ".repeat(5_000)}x`],
    ["objects in objects", `${"{a: ".repeat(5_000)}${"}".repeat(5_000)}`],
  ])("a file with %s is rejected", async (_, text) => {
    await expect(diff(text)).rejects.toMatchObject({ code: "usage_invalid" });
  });

  it.each([["a: [b"], ["- text"], ["kind: Role"], ["just text"], ["kind: List\nitems: [{ kind: Role }]"]])(
    "the file %j is rejected, because it has no Kubernetes objects",
    async (text) => {
      await expect(diff(text)).rejects.toMatchObject({ code: "usage_invalid" });
    },
  );
});

interface Exported {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> | undefined };
  spec?: Record<string, unknown>;
  rules?: object[];
  subjects?: object[];
}

/** Stands for ten million texts. */
const ALIASES_OF_ALIASES = ["a", "b", "c", "d", "e", "f", "g"]
  .map((name, at, names) => `${name}: &${name} [${`${at === 0 ? "x" : `*${names[at - 1]}`}, `.repeat(10)}]`)
  .join("\n");

/** The rules of a NetworkPolicy. */
const ingressOf = (spec: Record<string, unknown>): readonly { readonly from: object[] }[] =>
  spec["ingress"] as readonly { readonly from: object[] }[];

function found(objects: readonly Exported[], kind: string): Exported {
  const object = objects.find((one) => one.kind === kind);
  if (object === undefined) throw new Error(`a ${kind} is rendered`);
  return object;
}

/** What an API server, kubectl, Tekton and a GitOps controller add to a stored object. */
function asStored(object: Exported): object {
  const { metadata, spec, ...rest } = object;
  return {
    ...rest,
    metadata: {
      ...metadata,
      annotations: { "kubectl.kubernetes.io/last-applied-configuration": "{}" },
      creationTimestamp: "2026-11-02T09:00:00Z",
      finalizers: ["eventlisteners.triggers.tekton.dev"],
      generation: 2,
      labels: { ...metadata.labels, "argocd.argoproj.io/instance": "docs" },
      resourceVersion: "812",
      uid: "6e1b6c1e-0000-4000-8000-000000000001",
    },
    ...(spec && { spec: object.kind === "EventListener" ? { namespaceSelector: {}, resources: {}, ...spec } : spec }),
    ...(object.kind === "ServiceAccount" && { secrets: [{ name: "el-token-1" }] }),
    ...(object.kind === "EventListener" && { status: { configuration: { generatedName: "el-docs-listener" } } }),
    ...(object.kind === "TriggerTemplate" && { status: {} }),
  };
}
