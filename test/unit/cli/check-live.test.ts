import { afterEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { checkCollector, checkLive, checkLiveGroups, unknownSources } from "../../../shared/cli/check-live.ts";
import { connectSources } from "../../../shared/config/connect.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import type { CallOut } from "../../../shared/host/call-out.ts";
import { Fault } from "../../../shared/host/fault.ts";
import { policyOf } from "../../../shared/identity/policy.ts";
import type { TokenVerifier } from "../../../shared/identity/token-verifier.ts";
import { createTokenVerifier } from "../../../shared/identity/verify-token.ts";
import { statusSource } from "../../../shared/providers/status/index.ts";
import { httpBridge } from "../../support/http-bridge.ts";
import { bindingDeps, providerDeps, secretsOf, testClock } from "../../support/test-doubles.ts";
import { keySetOf, signingKey, signText } from "../identity/tokens.ts";

const key = signingKey("k1");
const second = signingKey("k2");
const clock = testClock();

/** Two entries, each with all kinds of rules; one source that trusts the first alone. */
function parseConfigValue(keys = [key]) {
  const entry = { issuer: "https://ci.example.test", audience: "https://bridge.example.test" };
  const claims = [
    { path: ["kubernetes.io", "namespace"], equals: ["docs", "ci"] },
    { path: ["kubernetes.io", "serviceaccount", "name"], prefix: "drawbridge-" },
    { path: "ref", glob: "refs/heads/**" },
  ];
  const jwks = { inline: keySetOf(...keys) };
  const loaded = parseConfig(
    stringify({
      issuers: {
        cluster: { ...entry, jwks, claims, roles: [{ role: "on-call", when: [{ path: "team", equals: "a" }] }, "ci"] },
        jobs: { ...entry, issuer: "https://jobs.example.test", jwks, roles: ["ci"] },
      },
      sources: { prod: { provider: "tekton", bearer: { trust: "cluster" } } },
    }),
    "test.yaml",
  );
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
  return loaded.config;
}

/** A possible mistake: the signature is read, and any signature is taken for valid. */
const believingAnySignature = (real: TokenVerifier): TokenVerifier => ({
  verify: (presented, names) => {
    const [header = "", payload = ""] = presented.token
      .split(".")
      .map((part) => Buffer.from(part, "base64url").toString());
    return real.verify({ ...presented, token: signText(header, payload, key) }, names);
  },
});

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function checked(change: (real: TokenVerifier) => TokenVerifier = (real) => real, config = parseConfigValue()) {
  const tokens = change(createTokenVerifier(config.issuers, bindingDeps(clock)));
  const calls = { tokens, trustEntries: Object.keys(config.issuers), policy: policyOf(config.roles) };
  const sources = connectSources(config, providerDeps({ tokens, clock, secrets: secretsOf({}) }));
  const status = statusSource({ ...calls, issuers: config.issuers, clusters: [], jobs: [] });
  const bridge = await httpBridge({ calls, sources, status });
  closing.push(bridge.close);
  const findings = await checkLive(bridge.url, config, { clock });
  return { findings, records: bridge.records.size };
}

const statusesOf = (findings: Awaited<ReturnType<typeof checked>>["findings"], verdict: string) =>
  findings.filter((finding) => finding.verdict === verdict).map(({ what, status }) => `${what}: ${status}`);

describe("check --live", () => {
  it.each([
    [200, [{ what: "collector, empty export", status: 200, verdict: "taken" }]],
    [401, [{ what: "collector, empty export: status 401", status: 0, verdict: "not taken" }]],
    [503, [{ what: "collector, empty export: status 503", status: 0, verdict: "not taken" }]],
  ])("a collector that answers %d gets an export without spans", async (status, findings) => {
    const sent: unknown[] = [];
    const callOut: CallOut = async ({ url, headers, body }) => {
      sent.push([url.href, headers["authorization"], body]);
      return { status, headers: new Headers(), body: new Uint8Array() };
    };
    const otlp = { endpoint: "https://collector.example.test/otlp", headers: { authorization: "env:COLLECTOR" } };
    const deps = { clock, callOut, secrets: secretsOf({ COLLECTOR: "Bearer x" }) };
    expect(await checkCollector({ ...parseConfigValue(), otlp }, deps)).toEqual(findings);
    expect(sent).toEqual([["https://collector.example.test/otlp/v1/traces", "Bearer x", '{"resourceSpans":[]}']]);
    expect(await checkCollector(parseConfigValue(), deps)).toEqual([]);
  });

  it.each<[string, () => Response, string, object]>([
    ["has", () => Response.json({ full_path: "platform/releases" }), "", { status: 200, verdict: "known" }],
    ["does not have", () => Response.json({}, { status: 404 }), "", { status: 404, verdict: "not known" }],
    [
      "does not show to its credential",
      () => Response.json({}, { status: 403 }),
      ": GitLab did not answer about the group platform/releases (403)",
      { status: 0, verdict: "undecided" },
    ],
  ])("a group that its site %s is a finding of the source that gives it roles", async (_, answer, why, verdict) => {
    const callOut: CallOut = async () => {
      const response = answer();
      return { status: response.status, headers: response.headers, body: new Uint8Array(await response.arrayBuffer()) };
    };
    const config = {
      ...parseConfigValue(),
      sources: [
        {
          name: "code",
          provider: "gitlab",
          roles: [],
          people: {},
          groups: { map: { "platform/releases": [] } },
          mode: "enforce" as const,
          settings: {},
        },
      ],
      targets: [{ name: "code", kind: "gitlab", settings: { url: "https://gitlab.example.test", token: "env:G" } }],
    };
    const found = await checkLiveGroups(config, { clock, callOut, secrets: secretsOf({ G: "token" }) });
    expect(found).toEqual([{ what: `group platform/releases of source code, as code says${why}`, ...verdict }]);
    expect(await checkLiveGroups(parseConfigValue(), { clock, callOut, secrets: secretsOf({}) })).toEqual([]);
  });

  it("a bridge that checks signatures lets no forged token in and records nothing", async () => {
    const { findings, records } = await checked();
    expect([statusesOf(findings, "let in"), statusesOf(findings, "undecided"), records]).toEqual([[], [], 0]);
    const requests = findings.map(({ what }) => what);
    const ofCluster = ["with a key id", "without a key id"].map(
      (how) => `token of cluster by another key (ES256, ${how})`,
    );
    expect(requests).toEqual(expect.arrayContaining(ofCluster.map((what) => `source prod, ${what}`)));
    expect(requests).toEqual(expect.arrayContaining(ofCluster.map((what) => `status, ${what}`)));
    expect(requests.filter((what) => what.startsWith("source prod, token of jobs"))).toEqual([]);
  });

  it("a bridge that believes any signature is found open at each source and call", async () => {
    const { findings } = await checked(believingAnySignature);
    const open = statusesOf(findings, "let in").filter((what) => what.includes("without a key id"));
    const by = (entry: string) => `token of ${entry} by another key (ES256, without a key id)`;
    expect(open).toEqual([
      // The same body again is the same delivery.
      `source prod, ${by("cluster")}: 200`,
      ...["event log", "credentials"].flatMap((call) => [
        `${call}, ${by("cluster")}: 200`,
        `${call}, ${by("jobs")}: 403`,
      ]),
      // A caller may list the approvals that it may decide, whatever its role: an empty list is shown to everyone.
      `approvals, ${by("cluster")}: 200`,
      `approvals, ${by("jobs")}: 200`,
      `status, ${by("cluster")}: 400`,
      `status, ${by("jobs")}: 400`,
    ]);
    expect(statusesOf(findings, "let in").filter((what) => what.includes("with a key id"))).toHaveLength(open.length);
  });

  it("the forged token names a key of the issuer, so that its signature is what the bridge rejects", async () => {
    const reasons = new Set<string>();
    const recording = (real: TokenVerifier): TokenVerifier => ({
      verify: async (...asked) => {
        const result = await real.verify(...asked);
        if (!result.ok) reasons.add(result.rejection.reason);
        return result;
      },
    });
    await checked(recording, parseConfigValue([key, second]));
    expect([...reasons].sort()).toEqual(["issuer_unknown", "key_unknown", "token_signature_invalid"]);
  });

  it.each([
    [200, "let in"],
    [403, "let in"],
    [401, "refused"],
    [503, "undecided"],
    [404, "undecided"],
    [302, "undecided"],
  ])("a response with status %i means %s", async (status, verdict) => {
    const callOut: CallOut = async () => ({ status, headers: new Headers(), body: new Uint8Array() });
    const findings = await checkLive(new URL("http://127.0.0.1:9"), parseConfigValue(), { clock, callOut });
    expect(new Set(findings.map((finding) => finding.verdict))).toEqual(new Set([verdict]));
  });

  it("each request to a source names it, so that a bridge without the source can be recognized", async () => {
    const callOut: CallOut = async ({ url }) => ({
      status: url.pathname.startsWith("/webhooks/") ? 404 : 401,
      headers: new Headers(),
      body: new Uint8Array(),
    });
    const findings = await checkLive(new URL("http://127.0.0.1:9"), parseConfigValue(), { clock, callOut });
    expect(unknownSources(findings)).toEqual(["prod"]);
    expect(unknownSources((await checked()).findings)).toEqual([]);
  });

  it("the check waits a limited time for a bridge and reports that none answers", async () => {
    const callOut: CallOut = async ({ timeoutMs }) => {
      expect(timeoutMs).toBeLessThanOrEqual(10_000);
      throw new Fault("target_timeout", "no complete answer in time", { retryable: true });
    };
    const checking = checkLive(new URL("http://127.0.0.1:9"), parseConfigValue(), { clock, callOut });
    await expect(checking).rejects.toMatchObject({ code: "target_unreachable" });
  });
});
