import { describe, expect, it } from "vitest";
import { adviseAll } from "../../../shared/cli/secrets.ts";
import { configuredCredentials } from "../../../shared/config/credentials.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { epochMillis, toIso } from "../../../shared/host/clock.ts";

const NOW = epochMillis(Date.parse("2026-11-02T09:00:00Z"));
const HOUR_MS = 3_600_000;
const ago = (hours: number): string => toIso(epochMillis(NOW - hours * HOUR_MS));

const hub = { kind: "source", name: "wiki", method: "hub-signature" } as const;
const setting = "hubSignature";
const current = { ...hub, credential: "current", setting };
const next = { ...hub, credential: "next", setting };
const secret = { kind: "target", name: "listener", method: "secret", credential: "env:LISTENER" } as const;
const listener = { ...secret, setting: "token" };

/** Advice for the wiki's two secrets, by the hours since each was used. */
function adviceFor({ currentHours, nextHours }: { readonly currentHours?: number; readonly nextHours?: number }) {
  const used = [
    ...(currentHours === undefined ? [] : [{ ...current, lastUsedAt: ago(currentHours) }]),
    ...(nextHours === undefined ? [] : [{ ...next, lastUsedAt: ago(nextHours) }]),
  ];
  return adviseAll([current, next], used, NOW).map(({ advice }) => advice);
}

describe("the advice on a secret that is being rotated", () => {
  it.each([
    ["neither was used yet", {}],
    ["the sender still uses the old one", { currentHours: 1 }],
    ["the old one was quiet for long, and the new one was never used", { currentHours: 400 }],
    ["both are in use, because one of several senders was changed", { currentHours: 2, nextHours: 1 }],
    ["the old one was used a day ago, within the precision of the record", { currentHours: 24.9, nextHours: 1 }],
    ["the last use of the new one dates from the previous rotation", { currentHours: 900, nextHours: 800 }],
    ["the old one has come back", { currentHours: 1, nextHours: 30 }],
  ])("the advice is to keep the old secret if %s", (_, hours) => {
    const [old = ""] = adviceFor(hours);
    expect(old).toMatch(/^keep: /);
    expect(old).not.toContain("safe");
  });

  it.each([
    ["the new one is in use, and the old one was not for a day", { currentHours: 26, nextHours: 1 }],
    ["the new one is in use, and no use of the old one is on record", { nextHours: 1 }],
  ])("the advice is that the old secret can be removed if %s", (_, hours) => {
    expect(adviceFor(hours)).toEqual([expect.stringContaining("safe to remove once no sender uses it"), "in use"]);
  });

  it("the advice on the new secret says whether the sender was changed", () => {
    expect(adviceFor({ currentHours: 1 })[1]).toBe("never used: the sender was not changed yet");
    expect(adviceFor({ currentHours: 900, nextHours: 800 })[1]).toContain("was the sender changed?");
  });
});

describe("the advice on other credentials", () => {
  const adviceOf = (used: Parameters<typeof adviseAll>[1]) =>
    adviseAll([current, listener], used, NOW).map(({ advice }) => advice);

  it("a target's secret that is no longer configured can be removed unless a bridge still uses it", () => {
    const old = { ...listener, credential: "env:LISTENER_OLD" };
    expect(adviceOf([{ ...old, lastUsedAt: ago(26) }])[2]).toContain("safe to remove if nothing else names it");
    expect(adviceOf([{ ...old, lastUsedAt: ago(1) }])[2]).toContain("does the bridge use this file?");
  });

  it("a secret known only by its label and an issuer's key are never safe to remove by themselves", () => {
    const key = { ...hub, method: "oidc", credential: "key-1" };
    const advice = adviceOf([
      { ...next, lastUsedAt: ago(400) },
      { ...key, lastUsedAt: ago(400) },
    ]);
    expect(advice).toEqual([
      "never used",
      "never used",
      "no longer configured",
      "a token's key: its issuer changes it",
    ]);
  });
});

describe("the credentials of a configuration", () => {
  const settings = `
sources:
  wiki: { provider: confluence, site: "https://wiki.example.test", hubSignature: { current: env:A, next: env:B }, connect: { clientKey: k, baseUrl: "https://bridge.example.test", secret: { current: env:C } } }
  gitlab: { provider: gitlab, signingToken: { current: env:D }, token: { current: env:E } }
  cluster: { provider: tekton, basic: { username: tekton, password: { current: env:F } } }
targets:
  listener: { kind: tekton, url: "https://el.example.test", runsReportedBy: cluster, token: env:G }
  pages: { kind: confluence, product: cloud, site: "https://x.example.test/wiki", credential: { basic: { user: u, token: env:H } } }
`;
  const loaded = parseConfig(settings, "test.yaml");
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));

  it("every secret of each source and target is listed as its use would be recorded, with its key", () => {
    const listed = configuredCredentials(loaded.config).map((one) => Object.values(one).join(" "));
    expect(listed).toEqual([
      "source wiki hub-signature current hubSignature",
      "source wiki hub-signature next hubSignature",
      "source wiki connect-jwt current connect.secret",
      "source gitlab standard-webhooks current signingToken",
      "source gitlab token current token",
      "source cluster basic current basic.password",
      "target listener secret env:G token",
      "target pages secret env:H credential.basic.token",
    ]);
  });
});
