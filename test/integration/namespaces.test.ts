import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { startStandalone } from "../../functions/standalone.ts";
import { eventsShow } from "../../shared/cli/events.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { systemClock, toSeconds } from "../../shared/host/clock.ts";
import type { ListedDeliveries, ShownDelivery } from "../../shared/http/deliveries.ts";
import { secretsOf, silentLog } from "../support/test-doubles.ts";
import { AUDIENCE, keySetOf, signingKey, tokenOf } from "../unit/identity/tokens.ts";

const CLUSTER = "https://kubernetes.default.svc";
const OTHER = "https://oidc.example.test/other";
const key = signingKey("k1");
const otherKey = signingKey("k2");
const onCallKey = signingKey("k3");
const inline = (one: typeof key) => ({ inline: keySetOf(one) });
const SECRET = "cluster-secret-for-tests";

let bridge: Awaited<ReturnType<typeof startStandalone>>;
beforeAll(async () => {
  const jobs = { preset: "kubernetes", audience: AUDIENCE, roles: ["ci"] };
  const loaded = parseConfig(
    stringify({
      issuers: {
        forwarder: { preset: "kubernetes", issuer: CLUSTER, audience: "https://sink.example.test", jwks: inline(key) },
        jobs: { ...jobs, issuer: CLUSTER, jwks: inline(key) },
        watched: {
          ...jobs,
          issuer: CLUSTER,
          jwks: inline(key),
          audience: "https://watched.example.test",
          mode: "shadow",
        },
        // An unrelated cluster with the same issuer.
        twin: { ...jobs, issuer: CLUSTER, jwks: inline(otherKey), audience: "https://twin.example.test" },
        other: { ...jobs, issuer: OTHER, jwks: inline(otherKey) },
        people: { issuer: "https://idp.example.test", audience: AUDIENCE, jwks: inline(onCallKey), roles: ["on-call"] },
      },
      sources: {
        cluster: {
          provider: "tekton",
          basic: { username: "tekton", password: { current: "env:CLUSTER" } },
          bearer: { trust: "forwarder" },
          namespaces: ["ci", "docs-*"],
        },
        // Any cluster that is not another source's.
        unnamed: {
          provider: "tekton",
          basic: { username: "tekton", password: { current: "env:CLUSTER" } },
          namespaces: ["builds"],
        },
      },
    }),
    "test.yaml",
  );
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
  bridge = await startStandalone({
    config: loaded.config,
    secrets: secretsOf({ CLUSTER: SECRET }),
    log: silentLog,
    retry: { baseMs: 20, capMs: 200, maxAttempts: 3 },
    address: { hostname: "127.0.0.1", port: 0 },
  });
});
afterAll(() => bridge.stop());

const now = () => toSeconds(systemClock.now());
const lifetime = () => ({ iat: now() - 10, exp: now() + 290 });
const onCallToken = () => tokenOf("https://idp.example.test", onCallKey, { claims: lifetime() });

async function reportRun(namespace: string): Promise<{ readonly delivery: string; readonly status: string }> {
  const fixtures = new URL("../../shared/providers/tekton/fixtures/", import.meta.url);
  const read = (name: string) => readFile(new URL(`pipelinerun-succeeded.${name}`, fixtures), "utf8");
  const answer = await fetch(new URL("/webhooks/cluster", bridge.url), {
    method: "POST",
    headers: {
      ...JSON.parse(await read("headers.json")),
      "ce-id": `of-${namespace}`,
      authorization: `Basic ${Buffer.from(`tekton:${SECRET}`).toString("base64")}`,
    },
    body: (await read("body")).replace('"namespace":"ci"', `"namespace":"${namespace}"`),
  });
  expect(answer.ok).toBe(true);
  return answer.json() as Promise<{ delivery: string; status: string }>;
}

async function reportStatus(namespace: string, { issuer = CLUSTER, by = key, audience = AUDIENCE } = {}) {
  const claims = {
    ...lifetime(),
    aud: [audience],
    sub: `system:serviceaccount:${namespace}:pipeline`,
    "kubernetes.io": { namespace, serviceaccount: { name: "pipeline" }, pod: { name: "docs-pod" } },
  };
  const answer = await fetch(new URL("/v1/status", bridge.url), {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${tokenOf(issuer, by, { claims })}` },
    body: '{"state":"succeeded"}',
  });
  return { status: answer.status, body: (await answer.json()) as { reason?: string; delivery?: string } };
}

const ask = async <T>(path: string): Promise<T> => {
  const answer = await fetch(new URL(path, bridge.url), { headers: { authorization: `Bearer ${onCallToken()}` } });
  expect(answer.status).toBe(200);
  return answer.json() as Promise<T>;
};

describe("a run of a namespace that its source does not list", () => {
  it("the event from the sink is recorded as ignored with the reason, and publishes nothing", async () => {
    const receipt = await reportRun("intruder");
    expect(receipt.status).toBe("ignored");
    const shown = await ask<ShownDelivery>(`/v1/deliveries/${receipt.delivery}`);
    expect(shown).toMatchObject({
      delivery: {
        outcome: "ignored",
        what: "namespace_not_listed",
        excludedFor: { reason: "namespace_not_listed", namespace: "intruder", source: "cluster" },
      },
      events: [],
      timeline: [],
    });
    expect(shown.delivery.subject).toMatch(/^intruder\/docs-build-/);
    expect(shown.delivery).not.toHaveProperty("unrelayed");
  });

  it("on-call finds it in the list by its reason, and reads the reason in the terminal", async () => {
    const { delivery } = await reportRun("elsewhere");
    const { deliveries } = await ask<ListedDeliveries>("/v1/deliveries?outcome=ignored&type=namespace_not_listed");
    expect(deliveries.map(({ id }) => id)).toContain(delivery);
    expect(await ask<ListedDeliveries>("/v1/deliveries?shadow=true")).toMatchObject({ deliveries: [] });
    const session = { url: bridge.url, isPlayground: false, config: () => "", token: async () => onCallToken() };
    expect(await eventsShow(session, delivery)).toMatch(/ignored +namespace_not_listed .*namespace elsewhere/);
  });

  it("the same event again is a duplicate of the ignored one", async () => {
    const first = await reportRun("later");
    expect(await reportRun("later")).toEqual({ ...first, status: "duplicate" });
  });

  it("an event of a listed namespace is accepted", async () => {
    expect((await reportRun("docs-prod")).status).toBe("accepted");
  });
});

describe("the status of a job in a namespace that its cluster's source does not list", () => {
  it("the job gets 403 with the reason, and on-call finds the refusal", async () => {
    expect(await reportStatus("intruder")).toMatchObject({ status: 403, body: { reason: "namespace_not_listed" } });
    const { deliveries } = await ask<ListedDeliveries>("/v1/deliveries?outcome=refused&type=namespace_not_listed");
    expect(deliveries).toMatchObject([{ refusedFor: { namespace: "intruder", source: "cluster" } }]);
  });

  it.each(["ci", "docs-prod"])("a job in the listed namespace %s is accepted", async (namespace) => {
    expect(await reportStatus(namespace)).toMatchObject({ status: 202 });
  });

  it("a trust entry in shadow mode accepts it, and the record has the reason", async () => {
    const { status, body } = await reportStatus("intruder", { audience: "https://watched.example.test" });
    expect(status).toBe(202);
    expect(await ask<ShownDelivery>(`/v1/deliveries/${body.delivery}`)).toMatchObject({
      delivery: { shadowRejection: { reason: "namespace_not_listed" } },
    });
  });

  const OF_NO_OTHER_SOURCE = [
    ["of an issuer that no source names", { issuer: OTHER, by: otherKey }],
    ["of a cluster with the same issuer and other keys", { by: otherKey, audience: "https://twin.example.test" }],
  ] as const;
  it.each(OF_NO_OTHER_SOURCE)("a job %s is judged by the source without trust entries", async (_, token) => {
    expect(await reportStatus("ci", token)).toMatchObject({ status: 403, body: { reason: "namespace_not_listed" } });
    expect(await reportStatus("builds", token)).toMatchObject({ status: 202 });
  });
});
