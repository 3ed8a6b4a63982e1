import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { renderTarget, toYaml } from "../../../../shared/actions/tekton/render.ts";
import { triggerRequest } from "../../../../shared/actions/tekton/request.ts";
import { pageEntry } from "../../../support/sandbox-tekton-action.ts";

const params = { page: "$.detail.page.id", ref: "$.detail.nothing" };
const settings = { url: "https://el.example.com", runsReportedBy: "cluster", namespaces: ["ci"] };
const target = { name: "docs-listener", settings };
const route = { name: "docs-build", options: { params }, isApproved: false };

const named = v.array(v.object({ name: v.string(), default: v.optional(v.string()) }));
const object = v.looseObject({ kind: v.string(), metadata: v.looseObject({ name: v.string() }) });
const binding = v.object({ spec: v.object({ params: named }) });
const template = v.object({ spec: v.object({ params: named, resourcetemplates: v.tuple([object]) }) });
const probing = v.object({ spec: v.object({ triggers: v.tuple([v.unknown()]) }) });
const trigger = v.object({
  spec: v.object({
    interceptors: v.tuple([
      v.object({
        params: v.tuple([v.object({ name: v.literal("filter"), value: v.string() }), v.looseObject({})]),
      }),
    ]),
  }),
});

/** The objects of a target with one route. */
function rendered(changes: { target?: object; settings?: object; route?: object; options?: object } = {}) {
  const { listener, routes } = renderTarget(
    { ...target, settings: { ...settings, ...changes.settings }, ...changes.target },
    [{ ...route, options: { params, ...changes.options }, ...changes.route }],
  );
  const text = toYaml([...listener, ...[...routes.values()].flat()]);
  const documents = parseAllDocuments(text);
  const objects = documents.map((document) => v.parse(object, document.toJS()));
  const find = (kind: string) => objects.find((one) => one.kind === kind);
  return { text, documents, objects, find };
}
type Rendered = ReturnType<typeof rendered>;

const approved = (changes: Parameters<typeof rendered>[0] = {}): Rendered =>
  rendered({ ...changes, route: { isApproved: true } });

const withEverything = (): Rendered =>
  rendered({
    settings: { token: "env:TOKEN", listener: { secret: "listener-token", allowFrom: [{ namespace: "ingress" }] } },
    options: { run: { serviceAccount: "builder", labels: { team: "docs" }, workspaces: { source: { size: "1Gi" } } } },
    route: { isApproved: true },
  });

const runIn = ({ find }: Rendered) => v.parse(template, find("TriggerTemplate")).spec.resourcetemplates[0];
const filterIn = ({ find }: Rendered) => v.parse(trigger, find("Trigger")).spec.interceptors[0].params[0].value;

/** Names inside `$(<prefix>…)`. */
const variables = (text: string, prefix: string): string[] =>
  [...text.matchAll(/\$\(([^)]+)\)/g)].flatMap(([, path = ""]) =>
    path.startsWith(prefix) ? [path.slice(prefix.length)] : [],
  );

describe("rendered Kubernetes objects", () => {
  it("the rendered objects are all that a listener needs, and parse without a warning", () => {
    const { documents, objects } = rendered();
    expect(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([]);
    expect(objects.map(({ kind }) => kind)).toEqual([
      "ServiceAccount",
      "Role",
      "RoleBinding",
      "ClusterRole",
      "ClusterRoleBinding",
      "EventListener",
      "TriggerBinding",
      "TriggerTemplate",
      "Trigger",
    ]);
  });

  it("every value but a port is text, also for a parser of YAML 1.1", () => {
    const { text, objects } = rendered({
      target: { name: "true" },
      settings: { listener: { allowFrom: [{ namespace: "off", pods: { on: "1" } }] } },
      route: { name: "no" },
      options: { params: { yes: "1", on: "2" }, run: { pipeline: "1e3", labels: { y: "007" } } },
    });
    const leaves: unknown[] = [];
    JSON.stringify(objects, (_, value) => {
      if (typeof value !== "object") leaves.push(value);
      return value;
    });
    expect(leaves.filter((leaf) => typeof leaf !== "string")).toEqual([8080]);
    expect(text).toContain('name: "no"');
    expect(text.replace("port: 8080", "")).not.toMatch(/^[^"]*: (?!["[{]).+$/m);
  });

  it("the binding reads only what the action sends", () => {
    const body: unknown = triggerRequest({ busEvent: pageEntry(), attempt: 1 }, params);
    const paths = variables(JSON.stringify(approved().find("TriggerBinding")), "body.");
    expect(paths).toHaveLength(8);
    for (const path of paths) {
      const found = path.split(".").reduce<unknown>((at, step) => Object(at)[step], body);
      expect(found, path).toBeTypeOf("string");
    }
  });

  it.each([rendered, approved, withEverything])("every param that the run uses is declared and bound: %#", (render) => {
    const { find } = render();
    const { spec } = v.parse(template, find("TriggerTemplate"));
    const declared = spec.params.map(({ name }) => name);
    const bound = v.parse(binding, find("TriggerBinding")).spec.params.map(({ name }) => name);
    const used = variables(JSON.stringify(spec.resourcetemplates), "tt.params.");
    expect(new Set(used)).toEqual(new Set(declared));
    expect(new Set(bound)).toEqual(new Set(declared));
    expect(new Set(bound).size).toBe(bound.length);
  });

  it("every param has a default except the two that mark a request as the bridge's", () => {
    const { spec } = v.parse(template, rendered().find("TriggerTemplate"));
    const required = spec.params.filter((param) => param.default === undefined);
    expect(required.map(({ name }) => name)).toEqual(["delivery-key", "delivery-id"]);
  });

  it("the run's name holds route and event within the 63 characters that Tekton allows", () => {
    const run = runIn(rendered({ route: { name: "r".repeat(34) }, options: { run: { pipeline: "docs" } } }));
    expect(run).toMatchObject({
      apiVersion: "tekton.dev/v1",
      kind: "PipelineRun",
      metadata: {
        annotations: {
          "drawbridge.dev/delivery": "$(tt.params.delivery-id)",
          "drawbridge.dev/proof": "$(tt.params.delivery-proof)",
        },
      },
      spec: { pipelineRef: { name: "docs" }, taskRunTemplate: { serviceAccountName: "default" } },
    });
    const full = run.metadata.name.replace("$(tt.params.delivery-key)", pageEntry().detail.eventKey);
    expect(full).toMatch(/^[a-z0-9-]{63}$/);
  });

  it("values from outside are in a run's params and annotations and nowhere else", () => {
    const { metadata, spec } = v.parse(
      v.looseObject({
        metadata: v.looseObject({ annotations: v.unknown() }),
        spec: v.looseObject({ params: v.unknown() }),
      }),
      runIn(withEverything()),
    );
    const { annotations: _, name, ...otherMetadata } = metadata;
    const { params: __, ...otherSpec } = spec;
    expect(name).toBe("docs-build-$(tt.params.delivery-key)");
    expect(JSON.stringify([otherMetadata, otherSpec])).not.toContain("$(");
  });
});

describe("a rendered listener", () => {
  it("a listener selects its triggers by a label, so routes that are applied separately do not replace each other", () => {
    const one = rendered();
    const other = rendered({ route: { name: "notes-build" } });
    const listenerObjects = ({ objects }: Rendered) => objects.slice(0, 6);
    expect(listenerObjects(one)).toEqual(listenerObjects(other));
    expect(one.find("EventListener")).toMatchObject({
      metadata: { name: "docs-listener", namespace: "ci" },
      spec: {
        serviceAccountName: "el-docs-listener",
        labelSelector: { matchLabels: one.find("Trigger")?.metadata["labels"] },
      },
    });
    const names = [one, other].flatMap(({ objects }) =>
      objects.slice(6).map(({ kind, metadata }) => `${kind} ${metadata.name}`),
    );
    expect(new Set(names).size).toBe(names.length);
  });

  it("two listeners of one cluster share no name of an object, wherever a dash is in the names", () => {
    const namesOf = (namespace: string, name: string) =>
      rendered({ settings: { namespaces: [namespace], listener: { name } } })
        .objects.slice(0, 6)
        .map(({ kind, metadata }) => [kind, metadata["namespace"], metadata.name].join(" "));
    const listeners = [
      ["x", "docs-ci"],
      ["ci-x", "docs"],
      ["x-docs", "ci"],
      ["ci", "x-docs"],
      ["ci", "docs"],
      ["n".repeat(63), "l".repeat(60)],
    ];
    const names = listeners.flatMap(([namespace = "", name = ""]) => namesOf(namespace, name));
    expect(new Set(names).size).toBe(names.length);
    expect(Math.max(...names.map((name) => name.split(" ").at(-1)?.length ?? 0))).toBeLessThanOrEqual(253);
  });

  it("no run starts for another route's request, or without the listener's secret", () => {
    expect(filterIn(rendered())).toBe('header.match("Drawbridge-Route", "docs-build") && has(body.delivery.key)');
    expect(filterIn(rendered({ settings: { token: "env:TOKEN", listener: { secret: "listener-token" } } }))).toContain(
      '&& header.canonical("Authorization").matches("^Bearer .") && (header.canonical("Authorization").replace("Bearer ", "").compareSecret("token", "listener-token") || header.canonical("Authorization").replace("Bearer ", "").compareSecret("next", "listener-token"))',
    );
  });

  it("every trigger asks the interceptor about its own route and the audience of the target's tokens", () => {
    const identity = { bridge: { audience: "https://el.example.com" } };
    const { find } = rendered({ settings: { identity, listener: { interceptor: true } } });
    const asked = (route: string) => [
      { ref: { name: "cel" } },
      {
        ref: { name: "drawbridge", kind: "ClusterInterceptor" },
        params: [
          { name: "route", value: route },
          { name: "audience", value: "https://el.example.com" },
        ],
      },
    ];
    expect(find("Trigger")).toMatchObject({ spec: { interceptors: asked("docs-build") } });
    expect(find("EventListener")).toMatchObject({ spec: { triggers: [{ interceptors: asked("drawbridge-probe") }] } });
    expect(() => rendered({ settings: { listener: { interceptor: true } } })).toThrow();
    expect(() => rendered({ settings: { listener: { secret: "listener-token" } } })).toThrow();
  });

  it("a listener has a trigger for probes, whose run makes no pod", () => {
    const listener = rendered({ settings: { token: "env:TOKEN", listener: { secret: "listener-token" } } });
    const [probe] = v.parse(probing, listener.find("EventListener")).spec.triggers;
    expect(probe).toMatchObject({
      name: "drawbridge-probe",
      interceptors: [
        { params: [{ name: "filter", value: filterIn(listener).replace("docs-build", "drawbridge-probe") }] },
      ],
      template: {
        spec: {
          resourcetemplates: [
            {
              metadata: { name: "drawbridge-probe-$(tt.params.delivery-key)" },
              spec: { pipelineSpec: { tasks: [{ when: [{ input: "probe", operator: "in", values: ["none"] }] }] } },
            },
          ],
        },
      },
    });
  });

  it("only the listed pods reach a listener", () => {
    const allowFrom = [{ namespace: "ingress", pods: { app: "nginx" } }, { namespace: "drawbridge" }];
    expect(rendered({ settings: { listener: { allowFrom } } }).find("NetworkPolicy")).toMatchObject({
      metadata: { namespace: "ci" },
      spec: {
        podSelector: { matchLabels: { eventlistener: "docs-listener" } },
        policyTypes: ["Ingress"],
        ingress: [
          {
            from: [
              {
                namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "ingress" } },
                podSelector: { matchLabels: { app: "nginx" } },
              },
              { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "drawbridge" } } },
            ],
            ports: [{ protocol: "TCP", port: 8080 }],
          },
        ],
      },
    });
    expect(rendered().find("NetworkPolicy")).toBeUndefined();
  });

  it.each([
    ["no namespace is listed", { namespaces: undefined }],
    ["several namespaces are listed", { namespaces: ["ci", "docs"] }],
    ["a pattern of namespaces is listed", { namespaces: ["ci-*"] }],
  ])("rendering needs listener.namespace if %s", (_, changed) => {
    expect(() => rendered({ settings: changed })).toThrow(expect.objectContaining({ code: "configuration_invalid" }));
    const { objects } = rendered({ settings: { ...changed, listener: { namespace: "docs-ci" } } });
    expect(new Set(objects.map(({ metadata }) => metadata["namespace"]))).toEqual(new Set(["docs-ci", undefined]));
  });

  it.each([["l".repeat(61)], ["docs-"]])(
    "rendering is rejected for the target %s, whose name no listener can have",
    (name) => {
      expect(() => rendered({ target: { name } })).toThrow(expect.objectContaining({ code: "configuration_invalid" }));
      expect(
        rendered({ target: { name }, settings: { listener: { name: "docs" } } }).find("EventListener"),
      ).toBeDefined();
    },
  );
});

describe("a rendered run", () => {
  it("a run has the service account, labels, timeouts and workspaces of its route", () => {
    const run = {
      serviceAccount: "docs-builder",
      labels: { team: "docs" },
      timeouts: { pipeline: "1h30m", tasks: "1h" },
      workspaces: {
        source: { size: "1Gi" },
        cache: { claim: "c" },
        settings: { configMap: "m" },
        key: { secret: "s" },
      },
    };
    expect(runIn(rendered({ options: { run } }))).toMatchObject({
      metadata: { labels: { team: "docs" } },
      spec: {
        taskRunTemplate: { serviceAccountName: "docs-builder" },
        timeouts: { pipeline: "1h30m", tasks: "1h" },
        workspaces: [
          {
            name: "source",
            volumeClaimTemplate: {
              spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
            },
          },
          { name: "cache", persistentVolumeClaim: { claimName: "c" } },
          { name: "settings", configMap: { name: "m" } },
          { name: "key", secret: { secretName: "s" } },
        ],
      },
    });
  });

  it.each([
    ["a pipeline that would break out of its quotes", { pipeline: 'x"\n' }],
    ["a service account that ends in a dash", { serviceAccount: "a-" }],
    ["a timeout that never ends a run", { timeouts: { pipeline: "0s" } }],
    ["tasks that may take longer than their run", { timeouts: { pipeline: "1h", tasks: "50m", finally: "11m" } }],
    ["tasks with a timeout and a run without", { timeouts: { tasks: "50m" } }],
    ["a workspace of two volumes", { workspaces: { source: { size: "1Gi", claim: "c" } } }],
    ["a workspace without a volume", { workspaces: { source: {} } }],
    ["a label of Tekton's own", { labels: { "tekton.dev/pipeline": "other" } }],
    ["a label of Triggers' own", { labels: { "triggers.tekton.dev/trigger": "other" } }],
    ["a label with a variable", { labels: { team: "$(tt.params.page)" } }],
  ])("rendering is rejected for %s", (_, run) => {
    expect(() => rendered({ options: { run } })).toThrow();
  });

  it("a run that needs an approval gets the approved reference, and starts only for the commit that was approved", () => {
    const render = approved({ options: { params: { commit: "$.detail.code.commit", tag: "$.detail.code.name" } } });
    expect(runIn(render)).toMatchObject({
      spec: {
        params: [
          { name: "drawbridge-payload", value: "$(tt.params.drawbridge-payload)" },
          { name: "drawbridge-approved-ref", value: "$(tt.params.drawbridge-approved-ref)" },
          { name: "commit", value: "$(tt.params.commit)" },
          { name: "tag", value: "$(tt.params.tag)" },
        ],
      },
    });
    const filter = filterIn(render);
    expect(filter).toContain("&& has(body.delivery.approvedRef) && body.params.commit == body.delivery.approvedRef");
    expect(filter).not.toContain("body.params.tag");
    expect(JSON.stringify(rendered().objects)).not.toContain("approved");
  });
});
