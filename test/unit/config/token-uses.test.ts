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
  const told = found.map(({ level, message }) => `${level} ${message.replace(/^x\.yaml:\d+:\d+ /, "")}`);
  return told.filter((message) => /issuers\.|\.trust/.test(message));
}

describe("a source that takes tokens", () => {
  const warning = (path: string, role: string, trust: string) =>
    `warning sources.prod.bearer.${path}: a job whose token earns the role "${role}" can send this source's events too: give "${trust}" to one of the two, and the other an entry with an audience of its own`;

  it("is warned of an entry whose tokens tell statuses as well", async () => {
    expect(await findings({ issuers: { cluster: { ...entry, roles: ["ci"] } } })).toEqual([
      warning("trust", "ci", "cluster"),
    ]);
  });

  it("is warned of one among several, and of a role that only some tokens earn", async () => {
    const jobs = { ...entry, roles: ["reader", { role: "teller", when: [{ path: "pod", equals: "tell" }] }] };
    const roles = { reader: { call: ["deliveries"] }, teller: { call: ["status"] } };
    const sources = { prod: { provider: "tekton", bearer: { trust: ["events", "jobs"] } } };
    expect(await findings({ issuers: { events: { ...entry, roles: ["reader"] }, jobs }, roles, sources })).toEqual([
      warning("trust[1]", "teller", "jobs"),
    ]);
  });

  it("is not warned of an entry of its own beside that of the jobs", async () => {
    const jobs = { ...entry, audience: "https://bridge.example.com/v1/status", roles: ["ci"] };
    expect(await findings({ issuers: { cluster: entry, jobs } })).toEqual([]);
  });
});

describe("an entry that wants a DPoP proof", () => {
  const issuers = { cluster: { ...entry, proof: "dpop" } };

  it("is warned where the bridge's own address is not told", async () => {
    expect(await findings({ issuers })).toEqual([
      'warning issuers.cluster.proof: without "identity.issuer" the address in a proof is compared, on one machine, with the sender\'s own "Host"',
    ]);
  });

  it("is not where it is, nor one that wants a certificate", async () => {
    expect(await findings({ issuers, identity: { issuer: "https://bridge.example.com" } })).toEqual([]);
    expect(await findings({ issuers: { cluster: { ...entry, proof: "certificate" } } })).toEqual([]);
  });
});

describe("a key of the bridge's own that cannot be read", () => {
  const told = async (keys: readonly string[]) => {
    const config = stringify({ sources: {}, identity: { issuer: "https://bridge.example.com", keys } });
    const found = await checkLoaded(parseConfig(config, "x.yaml"), "x.yaml", secretsOf({ KEY: "a" }));
    return found.map(({ level, message }) => `${level} ${message.replace(/^x\.yaml:\d+:\d+ /, "")}`);
  };

  it("is an error where it is the one that signs, and a warning beside it", async () => {
    const missing = (index: number) => `identity.keys[${index}]: secret env:GONE: it is not set, or empty`;
    expect(await told(["env:GONE", "env:KEY"])).toEqual([`error ${missing(0)}`]);
    expect(await told(["env:KEY", "env:GONE"])).toEqual([`warning ${missing(1)}`]);
  });
});

describe("a condition that any token meets", () => {
  const earned = async (when: readonly object[]) =>
    findings({ issuers: { cluster: { ...entry, roles: [{ role: "on-call", when }] } } });
  const email = { path: "email", equals: "robin@example.com" };
  const message =
    'error issuers.cluster.roles[0]: the holder of the token can change email and thereby give itself the role "on-call": ask for sub or groups';

  it.each(["*", "**", "***"])("does not make one that its holder chooses any firmer: %s", async (glob) => {
    expect(await earned([email, { path: "sub", glob }])).toEqual([message]);
    expect(await earned([email, { path: "sub", glob: ["a*", glob] }])).toEqual([message]);
  });

  it("is no condition on what can be chosen where it stands alone", async () => {
    expect(await earned([{ path: "groups", glob: "*" }])).toEqual([]);
    expect(await earned([email, { path: "sub", glob: "a*" }])).toEqual([]);
  });
});
