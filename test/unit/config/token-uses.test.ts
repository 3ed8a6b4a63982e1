import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { secretsOf } from "../../support/test-doubles.ts";

const entry = { issuer: "https://idp.example.com", audience: "https://bridge.example.com" };

/** The findings about issuers and the trust of sources. */
async function findings(changes: object): Promise<readonly string[]> {
  const config = { sources: { prod: { provider: "tekton", bearer: { trust: "cluster" } } }, ...changes };
  const found = await checkLoaded(parseConfig(stringify(config), "x.yaml"), "x.yaml", secretsOf({}));
  const messages = found.map(({ level, message }) => `${level} ${message.replace(/^x\.yaml:\d+:\d+ /, "")}`);
  return messages.filter((message) => /issuers\.|\.trust/.test(message));
}

describe("a source that takes tokens", () => {
  const warning = (path: string, role: string, trust: string) =>
    `warning sources.prod.bearer.${path}: a job whose token earns the role "${role}" can send this source's events too: give "${trust}" to one of the two, and the other an entry with an audience of its own`;

  it("a source is warned of a trust entry whose tokens may also report statuses", async () => {
    expect(await findings({ issuers: { cluster: { ...entry, roles: ["ci"] } } })).toEqual([
      warning("trust", "ci", "cluster"),
    ]);
  });

  it("a source is warned of one such entry among several, and of a role that only some tokens earn", async () => {
    const jobs = { ...entry, roles: ["plain", { role: "reporter", when: [{ path: "pod", equals: "report" }] }] };
    const roles = { plain: { fire: ["*"] }, reporter: { call: ["status"] } };
    const sources = { prod: { provider: "tekton", bearer: { trust: ["events", "jobs"] } } };
    expect(await findings({ issuers: { events: { ...entry, roles: ["plain"] }, jobs }, roles, sources })).toEqual([
      warning("trust[1]", "reporter", "jobs"),
    ]);
  });

  it("a source is not warned if the jobs have a trust entry of their own", async () => {
    const jobs = { ...entry, audience: "https://bridge.example.com/v1/status", roles: ["ci"] };
    expect(await findings({ issuers: { cluster: entry, jobs } })).toEqual([]);
  });
});

describe("an entry that wants a DPoP proof", () => {
  const issuers = { cluster: { ...entry, proof: "dpop" } };

  it("an entry with a DPoP proof is a warning if the bridge's own address is not configured", async () => {
    expect(await findings({ issuers })).toEqual([
      'warning issuers.cluster.proof: without "identity.issuer" the address in a proof is compared, on one machine, with the sender\'s own "Host"',
    ]);
  });

  it("an entry with a DPoP proof is not a warning if the address is configured, nor is one with a certificate", async () => {
    expect(await findings({ issuers, identity: { issuer: "https://bridge.example.com" } })).toEqual([]);
    expect(await findings({ issuers: { cluster: { ...entry, proof: "certificate" } } })).toEqual([]);
  });
});

describe("a key of the bridge's own that cannot be read", () => {
  const findingsFor = async (keys: readonly string[]) => {
    const config = stringify({ sources: {}, identity: { issuer: "https://bridge.example.com", keys } });
    const found = await checkLoaded(parseConfig(config, "x.yaml"), "x.yaml", secretsOf({ KEY: "a secret for tests" }));
    return found.map(({ level, message }) => `${level} ${message.replace(/^x\.yaml:\d+:\d+ /, "")}`);
  };

  it("a key that cannot be read is an error if it is the one that signs, and a warning otherwise", async () => {
    const missing = (index: number) => `identity.keys[${index}]: secret env:GONE: it is not set, or empty`;
    expect(await findingsFor(["env:GONE", "env:KEY"])).toEqual([`error ${missing(0)}`]);
    expect(await findingsFor(["env:KEY", "env:GONE"])).toEqual([`warning ${missing(1)}`]);
  });
});

describe("a condition that any token meets", () => {
  const earned = async (when: readonly object[]) =>
    findings({ issuers: { cluster: { ...entry, roles: [{ role: "on-call", when }] } } });
  const email = { path: "email", equals: "robin@example.com" };
  const message =
    'error issuers.cluster.roles[0]: the holder of the token can change email and thereby give itself the role "on-call": ask for sub or groups';

  it.each(["*", "**", "***"])(
    "a condition that any token meets does not protect a claim that the holder chooses: %s",
    async (glob) => {
      expect(await earned([email, { path: "sub", glob }])).toEqual([message]);
      expect(await earned([email, { path: "sub", glob: ["a*", glob] }])).toEqual([message]);
    },
  );

  it("a condition on a claim that the holder cannot choose is not an error", async () => {
    expect(await earned([{ path: "groups", glob: "*" }])).toEqual([]);
    expect(await earned([email, { path: "sub", glob: "a*" }])).toEqual([]);
  });
});
