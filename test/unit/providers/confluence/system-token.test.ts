import { describe, expect, it } from "vitest";
import { authenticate } from "../../../../shared/model/authentic-delivery.ts";
import type { CarriedToken } from "../../../../shared/providers/provider.ts";
import {
  connectHeader,
  credentials,
  forgeToken,
  hubSignature,
  INSTALLATION,
  OUR_APP,
  requestOf,
  secrets,
  sourceWith,
} from "./sources.ts";

const BASE = "https://api.atlassian.com/ex/confluence/8d3f0c1e-5d2b-4906-8001-000000000001";
const KEPT = { systemToken: { sealedBy: { current: "env:SEAL" } } };
const forge = { trust: "our-forge-app", installations: [INSTALLATION], ...KEPT };

const appAt = (apiBaseUrl: unknown) => ({ app: { id: OUR_APP, apiBaseUrl, installation: { id: INSTALLATION } } });
const invocation = (apiBaseUrl: unknown = BASE) => `Bearer ${forgeToken(appAt(apiBaseUrl))}`;

/** The tokens that a proved request with these headers passes on to be stored. */
async function keptOf(headers: Record<string, string>, settings: object = { forge }): Promise<CarriedToken[]> {
  const kept: CarriedToken[] = [];
  const source = sourceWith(settings, async (carried) => void kept.push(carried));
  const authentic = await authenticate(requestOf(headers), { name: "wiki", ...source });
  if (!authentic.ok) throw new Error(authentic.rejection.reason);
  await source.keep?.(authentic.value);
  return kept;
}

describe("the token that arrives with a Forge event", () => {
  it("the token is passed on with its app, and with the address that Atlassian signed", async () => {
    const [kept, ...others] = await keptOf({ authorization: invocation(), "x-forge-oauth-system": "system-1" });
    expect(others).toEqual([]);
    expect(kept).toMatchObject({ source: "wiki", app: OUR_APP, base: BASE });
    expect(kept?.token.reveal()).toBe("system-1");
    expect(JSON.stringify(kept)).not.toContain("system-1");
  });

  it.each<[string, Record<string, string>]>([
    ["there is none", { authorization: invocation() }],
    ["it is empty", { authorization: invocation(), "x-forge-oauth-system": "" }],
    ["it is too large", { authorization: invocation(), "x-forge-oauth-system": "x".repeat(16_385) }],
    ...[
      null,
      7,
      "",
      "https://api.example.test/ex/confluence/5d1e",
      "http://api.atlassian.com/ex/confluence/5d1e",
      "https://api.atlassian.com.example.test/ex/confluence/5d1e",
      "https://api.atlassian.com@example.test/ex/confluence/5d1e",
      "https://api.atlassian.com/ex/jira/5d1e",
      "https://api.atlassian.com/ex/confluence/5d1e/../../x",
      "https://api.atlassian.com/ex/confluence/5d1e?a=b",
      "https://api.atlassian.com/ex/confluence/",
      `${BASE}\n`,
    ].map((base): [string, Record<string, string>] => [
      `it is for ${JSON.stringify(base)}`,
      { authorization: invocation(base), "x-forge-oauth-system": "system-1" },
    ]),
  ])("the token is not kept if %s", async (_, headers) => {
    expect(await keptOf(headers)).toEqual([]);
  });

  it("the token is not kept if another credential than Forge's proved the delivery", async () => {
    const withToken = { "x-forge-oauth-system": "system-1" };
    const all = { ...credentials.hub, ...credentials.automation, ...credentials.connect, forge };
    expect(await keptOf({ ...withToken, "x-hub-signature": hubSignature() }, all)).toEqual([]);
    expect(await keptOf({ ...withToken, authorization: `Bearer ${secrets.automation}` }, all)).toEqual([]);
    expect(await keptOf({ ...withToken, authorization: await connectHeader(appAt(BASE)) }, all)).toEqual([]);
  });

  it("the token is not kept if the source is not configured to keep it", async () => {
    const { systemToken: _, ...without } = forge;
    const headers = { authorization: invocation(), "x-forge-oauth-system": "system-1" };
    expect(await keptOf(headers, { forge: without })).toEqual([]);
    expect(sourceWith({ forge: without })).not.toHaveProperty("keep");
  });

  it("a source cannot keep the token without a list of its installations", () => {
    expect(() => sourceWith({ forge: { trust: "our-forge-app", ...KEPT } })).toThrow(/name the installations/);
  });
});
