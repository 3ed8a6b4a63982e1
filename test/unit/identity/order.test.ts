import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { order, readInputs, rejectOrder } from "../../../shared/identity/order.ts";
import { policyOf, role } from "../../../shared/identity/policy.ts";

const COMMIT = "9f3c2d1e8b7a6f5c4d3e2b1a0f9e8d7c6b5a4f3e";
const declared = (inputs: object, rest: object = {}) => v.parse(order, { roles: ["release"], inputs, ...rest });

const KINDS = {
  choice: declared({ value: { choice: ["staging", "production"] } }),
  pattern: declared({ value: { pattern: "v\\d+(\\.\\d+)*", maxLength: 8 } }),
  text: declared({ value: { pattern: ".*" } }),
  page: declared({ value: { page: "wiki" } }),
  branch: declared({ value: { ref: "branch" } }),
  tag: declared({ value: { ref: "tag" } }),
  commit: declared({ value: { ref: "commit" } }),
} as const;
type Kind = keyof typeof KINDS;

describe("the value of an input", () => {
  it.each<[Kind, string]>([
    ["choice", "staging"],
    ["pattern", "v1.20"],
    ["text", "R. O'Neil <3 {{x}} $HOME; rm -rf / # ünï"],
    ["page", "98310"],
    ["branch", "feature/docs-2"],
    ["branch", "main"],
    ["tag", "v1.2.0+build.7"],
    ["commit", COMMIT],
    ["commit", "a".repeat(64)],
  ])("a %s may be %j", (kind, value) => {
    expect(readInputs({ value }, KINDS[kind])).toEqual({ ok: true, value: { value } });
  });

  it.each<[Kind, string]>([
    ["choice", "Staging"],
    ["choice", ""],
    ["pattern", "v1.20\n"],
    ["pattern", "xv1"],
    ["pattern", "v1.2.3.4.5"],
    ["text", "$(context.pipelineRun.name)"],
    ["text", "a $$ b"],
    ["text", "ends in $"],
    ["text", "two\nlines"],
    ["text", "\u202ereversed"],
    ["text", "two\u2028lines"],
    ["text", "\u2067isolated"],
    ["text", "zero\u200bwidth"],
    ["text", "filler\u3164"],
    ["text", "variation\ufe00"],
    ["branch", "main\u200b"],
    ["text", "half \ud800"],
    ["text", "x".repeat(201)],
    ["page", "0"],
    ["page", "98310/../1"],
    ["branch", "-f"],
    ["branch", "a..b"],
    ["branch", "a b"],
    ["branch", "refs/heads/main"],
    ["branch", "main.lock"],
    ["branch", "a//b"],
    ["branch", "a@{1}"],
    ["branch", "x/.y"],
    ["branch", ""],
    ["tag", "v1~1"],
    ["tag", "v*"],
    ["commit", "HEAD"],
    ["commit", COMMIT.slice(1)],
    ["commit", COMMIT.toUpperCase()],
  ])("a %s is never %j, and the refusal does not repeat it", (kind, value) => {
    const read = readInputs({ value }, KINDS[kind]);
    expect(read).toMatchObject({ ok: false, rejection: { reason: "input_invalid", input: "value" } });
    if (read.ok || value.length < 5) return;
    expect(JSON.stringify(read.rejection)).not.toContain(value);
  });

  it("each input that is declared is needed, and no other is taken", () => {
    const { choice } = KINDS;
    expect(readInputs({}, choice)).toMatchObject({
      rejection: { input: "value", problem: 'The input "value" is missing; it must be one of staging, production' },
    });
    for (const name of ["other", "constructor", "__proto__", "toString"])
      expect(readInputs(JSON.parse(`{ "value": "staging", "${name}": "x" }`), choice), name).toMatchObject({
        rejection: { input: name, problem: `There is no input "${name}"; the inputs are: value` },
      });
  });

  it("a refusal for hidden characters says so", () => {
    expect(readInputs({ value: "a\u2028b" }, KINDS.text)).toMatchObject({
      rejection: { problem: expect.stringContaining('The input "value" has hidden characters; it must be a text') },
    });
  });

  it("a pattern that cannot be matched in linear time is no declaration", () => {
    expect(v.is(order, { roles: ["release"], inputs: { value: { pattern: "(?=a)a" } } })).toBe(false);
    expect(v.is(order, { roles: [] })).toBe(false);
    expect(v.is(order, {})).toBe(false);
  });
});

describe("who may place an order", () => {
  const policy = policyOf({
    release: v.parse(role, {}),
    staging: v.parse(role, { in: { environments: ["staging"] } }),
  });
  const inputs = { environment: { choice: ["staging", "production"] } };
  const orders = {
    deploy: declared(inputs, { roles: ["release", "staging"] }),
    confined: declared(inputs, { in: { environments: ["staging"] } }),
    plain: declared({}, { roles: ["staging"] }),
  };
  const rejected = (name: string, roles: readonly string[], environment?: string) =>
    rejectOrder({ roles }, { name, inputs: environment === undefined ? {} : { environment } }, orders, policy)?.reason;

  it.each([
    ["deploy", ["release"], "production", undefined],
    ["deploy", ["staging"], "staging", undefined],
    ["deploy", ["staging"], "production", "order_confined"],
    ["deploy", ["staging", "other"], "production", "order_confined"],
    ["deploy", ["staging", "release"], "production", undefined],
    ["deploy", ["other"], "staging", "role_missing"],
    ["deploy", [], "staging", "role_missing"],
    ["confined", ["release"], "staging", undefined],
    ["confined", ["release"], "production", "order_confined"],
    ["plain", ["staging"], undefined, "order_confined"],
    ["deploy", ["release"], "development", "input_invalid"],
    ["deploy", ["release"], undefined, "input_invalid"],
    ["gone", ["release"], "staging", "order_unknown"],
    ["constructor", ["release"], "staging", "order_unknown"],
  ] as const)("%s by %j for %s: %s", (name, roles, environment, reason) => {
    expect(rejected(name, roles, environment)).toBe(reason);
  });

  it("names the roles whose confinement is the reason, and none if it is that of the order", () => {
    const placed = (name: string, roles: readonly string[]) =>
      rejectOrder({ roles }, { name, inputs: { environment: "production" } }, orders, policy);
    expect(placed("deploy", ["staging", "other"])).toEqual({ reason: "order_confined", role: "staging" });
    expect(placed("confined", ["release"])).toEqual({ reason: "order_confined" });
  });
});
