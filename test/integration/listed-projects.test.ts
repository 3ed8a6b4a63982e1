import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { startStandalone } from "../../functions/standalone.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { systemClock, toSeconds } from "../../shared/host/clock.ts";
import type { ShownDelivery } from "../../shared/http/deliveries.ts";
import { secretsOf, silentLog } from "../support/test-doubles.ts";
import { AUDIENCE, keySetOf, signingKey, tokenOf } from "../unit/identity/tokens.ts";

const GITLAB = "https://gitlab.example.test";
const IDP = "https://idp.example.test";
const [jobKey, personKey] = [signingKey("k1"), signingKey("k2")];

let bridge: Awaited<ReturnType<typeof startStandalone>>;
beforeAll(async () => {
  const loaded = parseConfig(
    stringify({
      issuers: {
        jobs: {
          preset: "gitlab",
          algorithms: ["ES256"],
          issuer: GITLAB,
          audience: AUDIENCE,
          jwks: { inline: keySetOf(jobKey) },
          roles: ["ci"],
        },
        people: { issuer: IDP, audience: AUDIENCE, jwks: { inline: keySetOf(personKey) }, roles: ["on-call"] },
      },
      sources: { code: { provider: "gitlab", token: { current: "env:HOOK" }, projects: ["platform/docs"] } },
    }),
    "test.yaml",
  );
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
  bridge = await startStandalone({
    config: loaded.config,
    secrets: secretsOf({ HOOK: "hook-secret-for-tests" }),
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

async function send(path: string, headers: Readonly<Record<string, string>>, body: string) {
  const init = { method: "POST", headers: { "content-type": "application/json", ...headers }, body };
  const answer = await fetch(new URL(path, bridge.url), init);
  return {
    status: answer.status,
    body: (await answer.json()) as { delivery: string; status: string; reason?: string },
  };
}

async function pushOf(project: string) {
  const body = await readFile(new URL("../../shared/providers/gitlab/fixtures/push.body", import.meta.url), "utf8");
  const token = { "x-gitlab-token": "hook-secret-for-tests", "x-gitlab-event": "Push Hook" };
  return send("/webhooks/code", token, body.replaceAll("platform/docs", project));
}

const statusOf = (project: string) => {
  const claims = {
    ...lifetime(),
    aud: [AUDIENCE],
    sub: `project_path:${project}`,
    project_path: project,
    pipeline_id: "7",
  };
  const authorization = `Bearer ${tokenOf(GITLAB, jobKey, { claims })}`;
  return send("/v1/status", { authorization }, '{"state":"succeeded"}');
};

async function shown(id: string): Promise<ShownDelivery> {
  const authorization = `Bearer ${tokenOf(IDP, personKey, { claims: lifetime() })}`;
  const answer = await fetch(new URL(`/v1/deliveries/${id}`, bridge.url), { headers: { authorization } });
  return answer.json() as Promise<ShownDelivery>;
}

describe("an event of a project that its source does not list", () => {
  it("the event is recorded as ignored with the reason, and publishes nothing", async () => {
    const { status, body } = await pushOf("intruder/docs");
    expect({ status, outcome: body.status }).toEqual({ status: 202, outcome: "ignored" });
    expect(await shown(body.delivery)).toMatchObject({
      delivery: {
        outcome: "ignored",
        what: "project_not_listed",
        subject: expect.stringMatching(/^intruder\/docs /),
        excludedFor: { reason: "project_not_listed", project: "intruder/docs", source: "code" },
      },
      events: [],
      timeline: [],
    });
    expect((await pushOf("intruder/docs")).body).toEqual({ ...body, status: "duplicate" });
  });

  it("an event of the listed project is accepted", async () => {
    expect(await pushOf("platform/docs")).toMatchObject({ status: 202, body: { status: "accepted" } });
  });

  it("only a job of the listed project may report its status", async () => {
    expect(await statusOf("intruder/docs")).toMatchObject({ status: 403, body: { reason: "project_not_listed" } });
    expect(await statusOf("platform/docs")).toMatchObject({ status: 202, body: { status: "accepted" } });
  });
});
