import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { startStandalone } from "../../functions/standalone.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { systemClock, toSeconds } from "../../shared/host/clock.ts";
import type { ListedApprovals } from "../../shared/http/approvals.ts";
import type { ListedDeliveries, ShownDelivery } from "../../shared/http/deliveries.ts";
import { gatedBridge } from "../support/gated-bridge.ts";
import { secretsOf, silentLog } from "../support/test-doubles.ts";
import { until } from "../support/until.ts";
import { AUDIENCE, keySetOf, signingKey, tokenOf } from "../unit/identity/tokens.ts";

const [GITLAB, IDP] = ["https://gitlab.example.test", "https://idp.example.test"];
const [jobKey, personKey] = [signingKey("k1"), signingKey("k2")];
const DOCS = { projects: ["platform/docs"] };

let bridge: Awaited<ReturnType<typeof startStandalone>>;
beforeAll(async () => {
  const when = (group: string) => [{ path: "groups", equals: group }];
  const jobs = { preset: "gitlab", algorithms: ["ES256"], issuer: GITLAB, jwks: { inline: keySetOf(jobKey) } };
  const people = { issuer: IDP, jwks: { inline: keySetOf(personKey) } };
  const loaded = parseConfig(
    stringify({
      issuers: {
        jobs: { ...jobs, audience: AUDIENCE, roles: ["ci"] },
        people: {
          ...people,
          audience: AUDIENCE,
          roles: ["docs-team", "auditor", "director"].map((role) => ({ role, when: when(role) })),
        },
      },
      roles: {
        ci: { call: ["status"], in: DOCS },
        "docs-team": { call: ["deliveries"], replay: ["*"], approve: ["*"], in: DOCS },
        auditor: { call: ["deliveries"] },
        director: { approve: ["*"] },
        deployer: { fire: ["deploy"], in: DOCS },
      },
      sources: {
        code: { provider: "gitlab", token: { current: "env:HOOK" }, projects: ["platform/*"], roles: ["deployer"] },
      },
      targets: { hook: { kind: "webhook", url: "http://127.0.0.1:9/", secret: { current: "env:OUT" } } },
      routes: {
        deploy: { when: { "detail-type": ["code.pushed"] }, approval: {}, do: { webhook: { target: "hook" } } },
        build: { when: { "detail-type": ["code.pushed"] }, approval: {}, do: { webhook: { target: "hook" } } },
      },
    }),
    "test.yaml",
  );
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
  bridge = await startStandalone({
    config: loaded.config,
    secrets: secretsOf({ HOOK: "hook-secret-for-tests", OUT: "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LWNhbmE=" }),
    log: silentLog,
    retry: { baseMs: 20, capMs: 200, maxAttempts: 3 },
    address: { hostname: "127.0.0.1", port: 0 },
  });
});
afterAll(() => bridge.stop());

const lifetime = () => {
  const now = toSeconds(systemClock.now());
  return { iat: now - 10, exp: now + 290 };
};

async function ask<T>(group: string, path: string, post?: object) {
  const authorization = `Bearer ${tokenOf(IDP, personKey, { claims: { ...lifetime(), groups: [group] } })}`;
  const json = post && { method: "POST", body: JSON.stringify(post) };
  const headers = { authorization, ...(post && { "content-type": "application/json" }) };
  const answer = await fetch(new URL(path, bridge.url), { headers, ...json });
  const { instance: _, ...body } = (await answer.json()) as T & { instance?: string };
  return { status: answer.status, body: body as T };
}

async function pushOf(project: string): Promise<string> {
  const body = await readFile(new URL("../../shared/providers/gitlab/fixtures/push.body", import.meta.url), "utf8");
  const headers = { "content-type": "application/json", "x-gitlab-token": "hook-secret-for-tests" };
  const { project: sent, ...push } = JSON.parse(body);
  const changed = { ...push, project_id: project.length, project: { ...sent, path_with_namespace: project } };
  const init = { method: "POST", headers, body: JSON.stringify(changed) };
  const answer = await fetch(new URL("/webhooks/code", bridge.url), init);
  return ((await answer.json()) as { delivery: string }).delivery;
}

/** The timeline of a push after both routes have handled it. */
const handled = async (id: string) => {
  const look = async () => (await ask<ShownDelivery>("auditor", `/v1/deliveries/${id}`)).body.timeline;
  const isOf = (route: string) => (line: { kind: string }) =>
    (line.kind === "denied" || line.kind === "approval") && "route" in line && line.route === route;
  return until("both routes", look, (lines) => lines.some(isOf("deploy")) && lines.some(isOf("build")));
};

describe("a bridge whose roles are confined to a project", () => {
  it("a source fires a reserved route only for events in the scope of its role", async () => {
    const [own, other] = [
      await handled(await pushOf("platform/docs")),
      await handled(await pushOf("platform/wiki-site")),
    ];
    expect(own).toContainEqual(expect.objectContaining({ kind: "approval", route: "deploy", state: "requested" }));
    expect(other).toContainEqual(
      expect.objectContaining({
        kind: "denied",
        route: "deploy",
        refusal: { reason: "role_missing", role: "none", key: 'fire: [deploy] under a role whose "in" has it' },
      }),
    );
    expect(other).not.toContainEqual(expect.objectContaining({ kind: "approval", route: "deploy" }));
  });

  it("a person sees, replays and decides only what is in scope, and everything else answers like absent", async () => {
    const [own, other] = [await pushOf("platform/docs"), await pushOf("platform/wiki-site")];
    for (const id of [own, other]) await handled(id);
    const { body } = await ask<ListedDeliveries>("docs-team", "/v1/deliveries");
    expect(body).toEqual({ deliveries: [expect.objectContaining({ id: own })], lookedBackTo: expect.any(String) });
    expect((await ask("docs-team", `/v1/deliveries/${own}`)).status).toBe(200);
    const absent = `${other.slice(0, -4)}aaaa`;
    for (const [path, post] of [
      ["", undefined],
      ["/replay", {}],
    ] as const) {
      const answer = await ask("docs-team", `/v1/deliveries/${other}${path}`, post);
      expect(answer.status).toBe(404);
      expect(answer).toEqual(await ask("docs-team", `/v1/deliveries/${absent}${path}`, post));
    }
    const { approvals } = (await ask<ListedApprovals>("docs-team", "/v1/approvals")).body;
    expect(new Set(approvals.map(({ delivery }) => delivery))).toEqual(new Set([own]));
    expect(approvals[0]).not.toHaveProperty("facts");
    expect(approvals[0]).toHaveProperty("approvers", ["docs-team", "director"]);
    const others = /by director$/;
    await until("the roles in whose scope it is", async () =>
      (await handled(other)).some((line) => line.kind === "waiting" && others.test(line.summary)),
    );
    const waiting = (await handled(other)).flatMap((line) => (line.kind === "approval" ? [line.approval] : []));
    const decision = { decision: "deny" };
    const denied = await ask("docs-team", `/v1/approvals/${waiting[0]}`, decision);
    expect(denied).toMatchObject({ status: 404, body: { reason: "approval_unknown" } });
    expect(denied).toEqual(await ask("docs-team", "/v1/approvals/p-aaaaaaaaaaaaaaaaaaaaaaaaaa", decision));
    expect((await ask("docs-team", `/v1/approvals/${approvals[0]?.id}`, decision)).status).toBe(200);
    for (const id of waiting.slice(0, 1)) await ask("director", `/v1/approvals/${id}`, decision);
    const ended = await ask<ListedApprovals>("docs-team", "/v1/approvals?state=ended");
    expect(ended.body.approvals.map(({ id }) => id)).toEqual([approvals[0]?.id]);
    expect((await ask<ListedApprovals>("auditor", "/v1/approvals?state=ended")).body.approvals).toHaveLength(2);
    expect((await ask("docs-team", "/v1/credentials")).status).toBe(403);
  });

  it("a job reports its status only for a project in the scope of its role", async () => {
    const report = async (project: string) => {
      const claims = { ...lifetime(), sub: `project_path:${project}`, project_path: project, pipeline_id: "7" };
      const authorization = `Bearer ${tokenOf(GITLAB, jobKey, { claims })}`;
      const headers = { authorization, "content-type": "application/json" };
      const init = { method: "POST", headers, body: '{"state":"succeeded"}' };
      return (await fetch(new URL("/v1/status", bridge.url), init)).status;
    };
    expect([await report("platform/docs"), await report("platform/wiki-site")]).toEqual([202, 403]);
  });
});

describe("a label of a person whose role is confined to a space", () => {
  const manager = {
    call: [],
    fire: [],
    replay: [],
    approve: ["docs"],
    promote: [],
    summarise: [],
    pause: [],
    in: { spaces: ["DOC"] },
  };

  it.each([
    ["DOC", undefined],
    ["ENG", { reason: "approval_unknown" }],
    [undefined, { reason: "approval_unknown" }],
  ])("a label on a page of the space %s is refused with %j", async (space, refusal) => {
    const gated = await gatedBridge([], {}, [], silentLog, { roles: { manager } });
    const edit = await gated.edit(7, space === undefined ? {} : { space });
    await gated.runDue();
    gated.clock.advance(120_000);
    const label = await gated.label("drawbridge-deny", "max");
    const { id, state } = await gated.approvalOf(edit);
    expect(state).toBe(refusal ? "requested" : "denied");
    const about = refusal ? "98310" : id;
    const expected = { about, decision: "deny", ...(refusal && { refusal }) };
    expect(await gated.decided(label)).toEqual([expect.objectContaining(expected)]);
    await gated.stop();
  });
});

it("refused requests are not shown to a confined role, which is told so; another role is told how far back they are kept", async () => {
  const before = systemClock.now();
  const path = `/v1/refusals?request=${randomUUID()}`;
  const confined = (await ask<{ from: string }>("docs-team", path)).body;
  expect(confined).toEqual({ refusals: [], sources: [], from: expect.any(String), isConfined: true });
  const whole = (await ask<{ from: string }>("auditor", path)).body;
  expect(whole).not.toHaveProperty("isConfined");
  for (const { from } of [confined, whole]) expect(Date.parse(from)).toBeGreaterThan(before - 15 * 86_400_000);
});
