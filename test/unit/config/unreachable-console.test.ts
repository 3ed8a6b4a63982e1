import { describe, expect, it } from "vitest";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { Secret } from "../../../shared/host/secrets.ts";

const SETTINGS = "trust: people, clientId: console, sealedBy: { current: env:SEAL }";

const configuration = (console: string, entry = "audience: [bridge, console]", more = "") => `
issuers:
  people: { issuer: https://idp.example.test, roles: [on-call], ${entry} }
sources:
  gitlab: { provider: gitlab, signingToken: { current: env:GITLAB } }
console: { ${console} }
${more}
`;

async function errors(text: string): Promise<readonly string[]> {
  const secrets = {
    read: async (ref: string) =>
      ref === "env:NONE" ? Promise.reject(new Error("none")) : new Secret("a secret for tests"),
  };
  const found = await checkLoaded(parseConfig(text, "test"), "test", secrets);
  return found.flatMap(({ level, message }) => (level === "error" ? [message] : []));
}

const URL_SET = `${SETTINGS}, url: https://bridge.example.test`;

describe("a console", () => {
  it.each([
    ["at an address of its own", configuration(URL_SET)],
    ["on this machine", configuration(`${SETTINGS}, url: "http://127.0.0.1:8787"`)],
    [
      "at the address of the bridge as an issuer",
      configuration(SETTINGS, undefined, "identity: { issuer: https://b.example.test, keys: [env:KEY] }"),
    ],
    ["with every setting", configuration(`${URL_SET}, clientSecret: env:CLIENT, scope: openid groups`)],
  ])("a console %s is valid", async (_, text) => {
    expect(await errors(text)).toEqual([]);
  });

  it.each([
    ["without an address", configuration(SETTINGS), /console: "url" is missing/],
    [
      "at an address over plain HTTP",
      configuration(`${SETTINGS}, url: "http://bridge.example.test"`),
      /console\.url: .*https:/,
    ],
    [
      "below a path",
      configuration(`${SETTINGS}, url: https://bridge.example.test/a`),
      /console\.url: .*without a path/,
    ],
    [
      "with an unknown issuer",
      configuration(URL_SET.replace("people", "persons")),
      /console\.trust: there is no issuer "persons"/,
    ],
    [
      "whose client is not an audience of its issuer",
      configuration(URL_SET, "audience: bridge"),
      /the audience of an ID token is the client/,
    ],
    ["with tokens for one request each", configuration(URL_SET, "audience: console, singleUse: true"), /not bound/],
    ["with tokens bound to a key", configuration(URL_SET, "audience: console, proof: dpop"), /not bound/],
    ["that asks for no ID token", configuration(`${URL_SET}, scope: groups`), /openid/],
    [
      "with a secret in the file",
      configuration(URL_SET.replace("env:SEAL", "c2VjcmV0")),
      /console\.sealedBy\.current: .*reference/,
    ],
    [
      "with a secret that cannot be read",
      configuration(URL_SET.replace("env:SEAL", "env:NONE")),
      /console\.sealedBy\.current: none/,
    ],
    [
      "at an issuer without an https:// address",
      configuration(URL_SET, "audience: console, issuer: urn:nowhere, jwks: { url: https://a.example.test }").replace(
        "issuer: https://idp.example.test, ",
        "",
      ),
      /no https:\/\/ address/,
    ],
  ])("a console %s is reported as a mistake", async (_, text, expected) => {
    const found = await errors(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(expected);
  });
});
