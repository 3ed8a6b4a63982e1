import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { startStandalone } from "../../functions/standalone.ts";
import { checkLive } from "../../shared/cli/check-live.ts";
import { reportShadow } from "../../shared/cli/report.ts";
import { parseConfig } from "../../shared/config/load.ts";
import type { Config } from "../../shared/config/schema.ts";
import { systemClock } from "../../shared/host/clock.ts";
import { hmacSha256 } from "../../shared/host/hmac.ts";
import type { ListedDeliveries, ShownDelivery } from "../../shared/http/deliveries.ts";
import { type IdentityProvider, startIdentityProvider } from "../support/identity-provider.ts";
import { type SandboxListener, startSandboxListener } from "../support/sandbox-listener.ts";
import { secretsOf, silentLog } from "../support/test-doubles.ts";
import { until } from "../support/until.ts";

const AUDIENCE = "https://bridge.example.test";
const DRAFTS = "https://drafts.example.test";
const SECRET = "wiki-secret-for-tests";
const [reader, stranger, hasty] = ["reader", "stranger", "hasty"].map((id) => ({
  id,
  secret: `${id}-secret-for-tests`,
}));

let identity: IdentityProvider;
let listener: SandboxListener;
let config: Config;
let bridge: Awaited<ReturnType<typeof startStandalone>>;
beforeAll(async () => {
  identity = await startIdentityProvider({ clients: [reader, stranger, hasty].filter((one) => one !== undefined) });
  listener = await startSandboxListener({ sink: () => ({ url: new URL("http://127.0.0.1:9"), headers: {} }) });
  config = parseConfigValue(identity.issuer, listener.url.href);
  bridge = await startStandalone({
    config,
    secrets: secretsOf({ WIKI: SECRET, CLUSTER: "cluster-secret-for-tests" }),
    log: silentLog,
    retry: { baseMs: 20, capMs: 200, maxAttempts: 3 },
    address: { hostname: "127.0.0.1", port: 0 },
  });
});
afterAll(async () => {
  await bridge.stop();
  await listener.close();
  await identity.close();
});

function parseConfigValue(issuer: string, url: string) {
  const entry = { issuer, audience: AUDIENCE };
  const loaded = parseConfig(
    stringify({
      issuers: {
        people: {
          ...entry,
          claims: [{ path: "sub", equals: ["reader", "stranger", "hasty"] }],
          roles: [
            { role: "on-call", when: [{ path: "sub", equals: ["reader", "hasty"] }] },
            { role: "hurried", when: [{ path: "sub", equals: "hasty" }] },
          ],
        },
        drafts: {
          issuer,
          audience: DRAFTS,
          mode: "shadow",
          claims: [{ path: "sub", equals: ["hasty", "stranger"] }],
          roles: [{ role: "ci", when: [{ path: "sub", equals: "hasty" }] }],
        },
      },
      roles: {
        "on-call": { call: ["deliveries"] },
        hurried: { limit: { perMinute: 2 } },
        ci: { call: ["status"], limit: { perMinute: 3 } },
        editor: { fire: ["kept", "watched"] },
      },
      sources: {
        wiki: {
          provider: "confluence",
          site: "https://wiki.example.test",
          hubSignature: { current: "env:WIKI" },
        },
        draft: {
          provider: "confluence",
          site: "https://draft.example.test",
          hubSignature: { current: "env:WIKI" },
          mode: "shadow",
        },
        cluster: { provider: "tekton", basic: { username: "tekton", password: { current: "env:CLUSTER" } } },
      },
      targets: { listener: { kind: "tekton", url, runsReportedBy: "cluster" } },
      routes: {
        kept: { when: { "detail-type": ["page.updated"] }, do: { tekton: { target: "listener" } } },
        watched: { mode: "shadow", when: { "detail-type": ["page.updated"] }, do: { tekton: { target: "listener" } } },
      },
    }),
    "test.yaml",
  );
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
  return loaded.config;
}

const tokenOf = (client = reader, audience = AUDIENCE) => identity.token(client ?? { id: "", secret: "" }, audience);
const ask = async (path: string, client = reader, audience = AUDIENCE) =>
  fetch(new URL(path, bridge.url), { headers: { authorization: `Bearer ${await tokenOf(client, audience)}` } });

async function edit(source: string, version: number, secret = SECRET): Promise<string> {
  const body = JSON.stringify({
    timestamp: 1_793_600_000_000 + version,
    event: "page_updated",
    page: { id: 98310, version },
  });
  const answer = await fetch(new URL(`/webhooks/${source}`, bridge.url), {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-hub-signature": `sha256=${hmacSha256(secret, [body]).toString("hex")}`,
    },
    body,
  });
  return ((await answer.json()) as { delivery: string }).delivery;
}

const shown = async (id: string) => (await (await ask(`/v1/deliveries/${id}`)).json()) as ShownDelivery;

const report = (filters: Readonly<Record<string, string>>) =>
  reportShadow({ url: bridge.url, isPlayground: false, config: () => "", token: () => tokenOf() }, filters);

describe("a caller that is known and rejected", () => {
  it("the caller gets the reason, and on-call finds one record of all its calls", async () => {
    for (let time = 0; time < 5; time++) {
      const answer = await ask("/v1/deliveries", stranger);
      expect(answer.status).toBe(403);
      expect(await answer.json()).toMatchObject({ reason: "role_missing" });
    }
    const listed = (await (await ask("/v1/deliveries?outcome=audit&type=read_")).json()) as ListedDeliveries;
    expect(listed.deliveries).toMatchObject([
      {
        source: "api",
        what: "read_refused",
        subject: "role_missing",
        refusedFor: { reason: "role_missing", role: "on-call" },
        principal: { subject: "stranger", trustEntry: "people" },
      },
    ]);
  });

  it("the caller gets a 429 that says when to come back, once its role's limit is reached", async () => {
    const answers = await Promise.all([1, 2, 3, 4].map(() => ask("/v1/deliveries", hasty)));
    // A minute of the clock may end between two of these calls.
    const rejected = answers.filter(({ status }) => status === 429);
    expect(rejected.length).toBeGreaterThanOrEqual(1);
    for (const { headers } of rejected) expect(Number(headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    for (const { status, headers } of answers) {
      expect(Number(headers.get("ratelimit-limit"))).toBeGreaterThan(0);
      expect(Number(headers.get("ratelimit-reset"))).toBeGreaterThan(0);
      if (status !== 429) continue;
      expect(headers.get("ratelimit-remaining")).toBe("0");
      expect(headers.get("ratelimit-reset")).toBe(headers.get("retry-after"));
    }
    const other = await ask("/v1/deliveries");
    expect(other.status).toBe(200);
    expect(other.headers.has("ratelimit-limit")).toBe(false);
  });
});

describe("a route that is reserved for a role", () => {
  it("another principal's event does not fire the route, except in shadow mode, and the timeline has the reason", async () => {
    const id = await edit("wiki", 1);
    const { timeline } = await until(
      "two attempts",
      () => shown(id),
      ({ timeline }) => timeline.filter(({ kind }) => kind === "attempt").length === 2,
    );
    const refusal = { reason: "role_missing", role: "editor" };
    expect(timeline.filter(({ kind }) => kind === "denied")).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ route: "kept", mode: "enforce", refusal }),
        expect.objectContaining({ route: "watched", mode: "shadow", refusal }),
      ]),
    );
    expect(listener.requests.map(({ headers }) => headers.get("drawbridge-route"))).toEqual(["watched"]);
  });
});

describe("a source in shadow mode", () => {
  it("a forged request is let in with an unproved principal, and the report lists it", async () => {
    expect(await report({ source: "draft" })).toMatch(/^No delivery was let in.*\n.*upstreams/);
    const forged = await edit("draft", 2, "guessed");
    const honest = await edit("draft", 2);
    expect(honest).not.toBe(forged);
    expect((await shown(forged)).delivery).toMatchObject({
      outcome: "event",
      principal: { issuer: "drawbridge:unproved", method: "none", roles: [] },
      shadowRejection: { reason: "signature_mismatch" },
    });
    expect((await shown(honest)).delivery.shadowRejection).toBeUndefined();
    const printed = await report({});
    expect(printed.split("\n")).toHaveLength(3);
    expect(printed).toContain("signature_mismatch (header X-Hub-Signature)");
    expect(printed).toContain(forged);
  });
});

describe("a trust entry in shadow mode", () => {
  /** Reports a status with a token of the entry. */
  async function reportStatus(pipeline: string, client = reader): Promise<Response> {
    const headers = { authorization: `Bearer ${await tokenOf(client, DRAFTS)}`, "content-type": "application/json" };
    const body = JSON.stringify({ state: "succeeded", pipeline });
    return fetch(new URL("/v1/status", bridge.url), { method: "POST", headers, body });
  }

  it("a status that would be rejected is let in without a role, and the report says why", async () => {
    for (const [client, shadowRejection] of [
      [reader, { reason: "claim_mismatch" }],
      [stranger, { reason: "role_missing", role: "ci" }],
    ] as const) {
      const answer = await reportStatus("docs", client);
      expect(answer.status).toBe(202);
      const { delivery } = (await answer.json()) as { delivery: string };
      const record = (await shown(delivery)).delivery;
      expect(record).toMatchObject({ source: "status", outcome: "event", shadowRejection });
      expect(record.principal).toMatchObject({ trustEntry: "drafts", roles: [] });
    }
    const printed = await report({ source: "status" });
    for (const reason of ["claim_mismatch (claim sub)", "role_missing (role ci)"]) expect(printed).toContain(reason);
  });

  it("nothing can be read, and the record has the reason of the token", async () => {
    for (const path of ["/v1/deliveries", "/v1/approvals"]) expect((await ask(path, reader, DRAFTS)).status).toBe(401);
    const listed = (await (await ask("/v1/deliveries?outcome=audit")).json()) as ListedDeliveries;
    expect(listed.deliveries).toContainEqual(
      expect.objectContaining({ source: "api", subject: "claim_mismatch", refusedFor: expect.anything() }),
    );
  });

  it("what is let in counts against the limits of the roles that the entry may give", async () => {
    // Nine calls, because a minute of the clock may end between two of them.
    const answers = await Promise.all(Array.from({ length: 9 }, (_, n) => reportStatus(`docs-${n}`)));
    expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(3);
  });
});

describe("check --live", () => {
  it("every source and call is closed, except for the source in shadow mode", async () => {
    const findings = await checkLive(bridge.url, config, { clock: systemClock });
    const open = findings.filter(({ verdict }) => verdict !== "refused");
    expect(open.map(({ what, status, verdict }) => `${what}: ${status}, ${verdict}`)).toEqual([
      "source draft, no credential: 202, let in",
      // The same body again is the same delivery.
      "source draft, forged token: 200, let in",
      "source draft, guessed secret: 200, let in",
    ]);
    const byAnother = ["people", "drafts"].flatMap((entry) =>
      ["with a key id", "without a key id"].map((how) => `token of ${entry} by another key (ES256, ${how})`),
    );
    expect(findings.filter(({ verdict }) => verdict === "refused").map(({ what }) => what)).toEqual([
      ...["no credential", "forged token", "guessed secret"].map((what) => `source wiki, ${what}`),
      ...["no credential", "forged token", "guessed secret"].map((what) => `source cluster, ${what}`),
      ...["event log", "credentials", "approvals", "status"].flatMap((call) =>
        ["no token", "forged token", ...byAnother].map((what) => `${call}, ${what}`),
      ),
    ]);
  });
});
