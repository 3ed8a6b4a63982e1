import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCommand } from "../../../shared/cli/run-command.ts";
import { commandHost } from "../../support/command-host.ts";

const CONFIG = `
issuers:
  cluster: { issuer: https://idp.example.com, audience: https://bridge.example.com, jwks: { url: https://idp.example.com/keys } }
roles:
  deployer: { fire: [deploy] }
  lead: { approve: [docs-build] }
sources:
  prod-cluster: { provider: tekton, bearer: { trust: cluster }, namespaces: [ci] }
  platform-gitlab: { provider: gitlab, signingToken: { current: env:GITLAB_SIGNING } }
targets:
  listener: { kind: tekton, url: http://127.0.0.1:8080, runsReportedBy: prod-cluster, namespaces: [ci] }
orders:
  ship: { roles: [lead], inputs: { environment: { choice: [staging] } } }
routes:
  ship:
    mode: shadow
    when: { detail-type: [order.placed] }
    do: { tekton: { target: listener, params: { to: $.detail.order.inputs.environment } } }
  wiki-build:
    when: { source: [drawbridge.confluence] }
    do: { tekton: { target: listener } }
  deploy:
    when: { source: [drawbridge.gitlab], detail-type: [code.pushed], detail: { code: { name: [main, { prefix: release/ }] } } }
    do: { tekton: { target: listener } }
  docs-build:
    when: { source: [drawbridge.gitlab], detail-type: [code.pushed], detail: { code: { change: [updated] } } }
    approval: {}
    do:
      tekton:
        target: listener
        params: { branch: $.detail.code.name, page: $.detail.page.id, project: docs, raw: $.detail.code.message }
`;

const EVENT = {
  source: "drawbridge.gitlab",
  "detail-type": "code.pushed",
  time: "2026-11-02T09:00:00Z",
  detail: {
    id: "d-1",
    type: "code.pushed",
    subject: "platform/docs",
    code: { project: "platform/docs", change: "updated", name: "Main", message: "$(reboot)" },
  },
};

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "drawbridge-"));
  await writeFile(join(folder, "drawbridge.yaml"), CONFIG);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const environment = { DRAWBRIDGE_URL: "http://127.0.0.1:9" };

async function routeTest(event: unknown, ...args: readonly string[]) {
  const file = join(folder, "event.json");
  await writeFile(file, JSON.stringify(event));
  return run("--event", file, ...args);
}

async function run(...args: readonly string[]) {
  const printed: string[] = [];
  const host = commandHost({ environment, print: (text) => void printed.push(text) });
  const code = await runCommand(["route", "test", ...args, "--config", join(folder, "drawbridge.yaml")], host);
  return { code, lines: printed.join("\n").split("\n") };
}

const orderEvent = (order: object, roles: readonly string[]) => ({
  source: "drawbridge.orders",
  "detail-type": "order.placed",
  time: "2026-11-02T09:00:00Z",
  detail: { id: "d-2", type: "order.placed", subject: "ship", principal: { id: "people:dana", roles }, order },
});

describe("an order", () => {
  const inputs = { environment: "staging" };
  it.each<[string, object, readonly string[], number, RegExp]>([
    ["that its sender may place", { name: "ship", inputs }, ["lead"], 0, /^roles {5}the sender may fire it$/],
    ["of nobody", { name: "ship", inputs }, [], 1, /^roles {5}denied, also in shadow mode: role_missing/],
    ["with another input", { name: "ship", inputs: { environment: "x" } }, ["lead"], 1, /input_invalid/],
    ["without inputs", { name: "ship" }, ["lead"], 1, /input_invalid/],
    ["that is gone", { name: "gone", inputs }, ["lead"], 1, /order_unknown/],
    [
      "of an agent",
      { name: "ship", inputs, act: "agent-7" },
      ["lead"],
      0,
      /agent_unattended.*; it fires, in shadow mode/,
    ],
  ])("%s is judged as before its run", async (_, order, roles, code, text) => {
    const tested = await routeTest(orderEvent(order, roles), "ship");
    expect([tested.code, tested.lines]).toEqual([code, expect.arrayContaining([expect.stringMatching(text)])]);
  });
});

describe("drawbridge route test", () => {
  it("a branch in another case is the first field that misses, and the exit code is 1", async () => {
    const { code, lines } = await routeTest(EVENT, "deploy");
    expect(lines).toContain(
      'match     no: detail.code.name is "Main", wants "main" or a prefix "release/" (only upper and lower case differ)',
    );
    expect([code, lines.includes("fires     no")]).toEqual([1, true]);
  });

  it("a match shows roles, approval, target and each value that is sent, with the reason of an empty one", async () => {
    const { code, lines } = await routeTest(EVENT, "docs-build");
    expect(code).toBe(0);
    expect(lines.slice(2)).toEqual([
      "route     docs-build",
      "fires     yes",
      "match     yes",
      "roles     the sender may fire it",
      "approval  needed: 1 person with the role lead",
      "target    listener (tekton)",
      'sends     params.branch = "Main"  from $.detail.code.name',
      'sends     params.page = "" (the event has no detail.page)  from $.detail.page.id',
      'sends     params.project = "docs"',
      expect.stringMatching(/^sends {5}params\.raw = "" \(it .+\) {2}from \$\.detail\.code\.message$/),
    ]);
  });

  it("a sender without the role is denied, and the exit code is 1", async () => {
    const code = { ...EVENT.detail.code, name: "main" };
    const tested = await routeTest({ ...EVENT, detail: { ...EVENT.detail, code } }, "deploy");
    expect(tested.code).toBe(1);
    expect(tested.lines).toContain("roles     denied: role_missing (role deployer)");
    const detail = { ...EVENT.detail, code, principal: { id: "a", roles: ["deployer"] } };
    expect((await routeTest({ ...EVENT, detail }, "deploy")).code).toBe(0);
  });

  it("without a route all are tested, the nearest first", async () => {
    const { code, lines } = await routeTest({ events: [EVENT] });
    const routes = lines.filter((line) => line.startsWith("route")).map((line) => line.slice(10));
    expect([code, routes]).toEqual([0, ["docs-build", "deploy", "ship", "wiki-build"]]);
  });

  it("a replay for other routes does not fire", async () => {
    const replay = { of: "d-0", routes: ["deploy"], isRollback: false };
    const { code, lines } = await routeTest({ ...EVENT, detail: { ...EVENT.detail, replay } }, "docs-build");
    expect([code, lines.includes("match     yes, but the event is a replay for other routes")]).toEqual([1, true]);
  });

  it("a recorded webhook is tested by its name, without a secret", async () => {
    const { code, lines } = await run("docs-build", "--event", "gitlab/push");
    expect(code).toBe(0);
    expect(lines[0]).toMatch(
      /^event {5}code\.pushed .+ \(d-[a-z2-7]{26}\), sender source:platform-gitlab with no roles$/,
    );
  });

  it("hidden characters of an event are not printed", async () => {
    const code = { ...EVENT.detail.code, name: "ma\u001b[2Jin\u202e" };
    const { lines } = await routeTest({ ...EVENT, detail: { ...EVENT.detail, code } }, "deploy");
    expect(lines.join("\n")).not.toMatch(/[^\n\P{C}]/u);
  });

  it("--json prints the same for a script", async () => {
    const { lines } = await routeTest(EVENT, "deploy", "--json");
    expect(JSON.parse(lines.join("\n"))).toMatchObject([
      {
        event: "d-1",
        routes: [{ route: "deploy", fires: false, explanation: { misses: [{ field: "detail.code.name" }] } }],
      },
    ]);
  });

  it.each<readonly [readonly string[], string]>([
    [["docs-biuld", "--event", "gitlab/push"], 'there is no route "docs-biuld" (did you mean "docs-build"?)'],
    [["docs-build"], "give an event: --event <file>, or --delivery <id>"],
    [["--event", "gitlab/push", "--delivery", "d-1"], "give --event or --delivery, not both"],
    [["--event", "gitlab/psh"], "there is no readable file gitlab/psh"],
    [["--event", "buildkite/build-finished"], 'no source of provider "buildkite" is configured'],
  ])("the arguments %j are refused: %s", async (args, message) => {
    await expect(run(...args)).rejects.toMatchObject({
      code: "usage_invalid",
      message: expect.stringContaining(message),
    });
  });

  it.each([["a text"], [{ detail: {} }], [{ ...EVENT, detail: { ...EVENT.detail, code: null } }], [{ events: [] }]])(
    "the file %j is no event and is refused",
    async (event) => {
      await expect(routeTest(event)).rejects.toMatchObject({ code: "usage_invalid" });
    },
  );
});
