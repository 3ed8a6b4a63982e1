import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { renderTekton } from "../../../../shared/actions/tekton/render.ts";
import { triggerRequest } from "../../../../shared/actions/tekton/request.ts";
import { pageEntry } from "../../../support/sandbox-tekton-action.ts";

const route = { name: "docs-build", params: ["page", "ref"] };
const options = { namespace: "ci", listener: "drawbridge", pipeline: "docs", serviceAccount: "docs-builder" };

const named = v.array(v.object({ name: v.string(), default: v.optional(v.string()) }));
const object = v.looseObject({ kind: v.string(), metadata: v.looseObject({ name: v.string() }) });
const binding = v.object({ spec: v.object({ params: named }) });
const template = v.object({ spec: v.object({ params: named, resourcetemplates: v.tuple([object]) }) });

function rendered(text = renderTekton(route, options)) {
  const documents = parseAllDocuments(text);
  const objects = documents.map((document) => v.parse(object, document.toJS()));
  return { documents, objects, find: (kind: string) => objects.find((one) => one.kind === kind) };
}

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
      "RoleBinding",
      "ClusterRoleBinding",
      "TriggerBinding",
      "TriggerTemplate",
      "EventListener",
    ]);
  });

  it("every value is text, also for a parser of YAML 1.1", () => {
    const text = renderTekton({ name: "no", params: ["yes", "on"] }, { ...options, pipeline: "1e3", listener: "true" });
    const leaves: unknown[] = [];
    JSON.stringify(rendered(text).objects, (_, value) => {
      if (typeof value !== "object") leaves.push(value);
      return value;
    });
    expect(leaves.filter((leaf) => typeof leaf !== "string")).toEqual([]);
    expect(text).toContain('name: "no"');
    expect(text).not.toMatch(/^[^"]*: (?!["[{]).+$/m);
  });

  it("the binding reads only what the action sends", () => {
    const body: unknown = triggerRequest(pageEntry(), 1, { page: "$.detail.page.id", ref: "$.detail.nothing" });
    const paths = variables(JSON.stringify(rendered().find("TriggerBinding")), "body.");
    expect(paths).toHaveLength(5);
    for (const path of paths) {
      const found = path.split(".").reduce<unknown>((at, step) => Object(at)[step], body);
      expect(found, path).toBeTypeOf("string");
    }
  });

  it("every param that the run uses is declared and bound", () => {
    const { find } = rendered();
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
    const name = "r".repeat(34);
    const { spec } = v.parse(template, rendered(renderTekton({ ...route, name }, options)).find("TriggerTemplate"));
    const [run] = spec.resourcetemplates;
    expect(run).toMatchObject({
      apiVersion: "tekton.dev/v1",
      kind: "PipelineRun",
      metadata: { annotations: { "drawbridge.dev/delivery": "$(tt.params.delivery-id)" } },
      spec: { pipelineRef: { name: "docs" }, taskRunTemplate: { serviceAccountName: "docs-builder" } },
    });
    const full = run.metadata.name.replace("$(tt.params.delivery-key)", pageEntry().detail.eventKey);
    expect(full).toMatch(/^[a-z0-9-]{63}$/);
  });

  it("the listener accepts requests of its route alone", () => {
    expect(rendered().find("EventListener")).toMatchObject({
      spec: {
        serviceAccountName: "el-drawbridge",
        triggers: [
          {
            interceptors: [
              { params: [{ name: "filter", value: expect.stringContaining('"Drawbridge-Route", "docs-build"') }] },
            ],
            bindings: [{ ref: "docs-build" }],
            template: { ref: "docs-build" },
          },
        ],
      },
    });
  });

  it.each([
    ["a route of 35 characters", { name: "r".repeat(35) }, {}],
    ["a route in capitals", { name: "Docs" }, {}],
    ["a listener of 61 characters", {}, { listener: "l".repeat(61) }],
    ["a namespace with a dot", {}, { namespace: "a.b" }],
    ["a pipeline that would break out of its quotes", {}, { pipeline: 'x"\n' }],
    ["a service account that ends in a dash", {}, { serviceAccount: "a-" }],
  ])("rendering is rejected for %s", (_, changedRoute, changedOptions) => {
    expect(() => renderTekton({ ...route, ...changedRoute }, { ...options, ...changedOptions })).toThrow(
      expect.objectContaining({ code: "configuration_invalid" }),
    );
  });
});
