import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { queryHash } from "../../../../shared/providers/confluence/query-hash.ts";

const ORIGIN = "https://bridge.example.test";
const hashOf = (method: string, address: string, base = ORIGIN) =>
  queryHash(method, new URL(address, ORIGIN), new URL(base)).toString("hex");
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

describe("queryHash", () => {
  it.each([
    ["a plain address", "POST", "/webhooks/wiki", "POST&/webhooks/wiki&"],
    ["a method in lower case", "post", "/webhooks/wiki", "POST&/webhooks/wiki&"],
    ["the registered event", "POST", "/webhooks/wiki?event=page_updated", "POST&/webhooks/wiki&event=page_updated"],
    ["the licence that Atlassian adds", "POST", "/w?lic=none&event=a", "POST&/w&event=a&lic=none"],
    ["a trailing slash", "POST", "/webhooks/wiki/", "POST&/webhooks/wiki&"],
    ["no path", "POST", "", "POST&/&"],
    ["the root", "POST", "/", "POST&/&"],
    ["an ampersand in the path", "POST", "/a&b", "POST&/a%26b&"],
    ["names out of order", "POST", "/w?b=2&a=1&C=3", "POST&/w&C=3&a=1&b=2"],
    ["a repeated name", "POST", "/w?b=1&a=z&a=b&a=c", "POST&/w&a=b,c,z&b=1"],
    ["a comma in a value", "POST", "/w?a=b,c&a=a", "POST&/w&a=a,b%2Cc"],
    ["the token in the query", "POST", "/w?jwt=x.y.z&a=1", "POST&/w&a=1"],
    ["a space written as plus", "POST", "/w?a=b+c", "POST&/w&a=b%20c"],
    ["a space written as %20", "POST", "/w?a=b%20c", "POST&/w&a=b%20c"],
    ["a plus", "POST", "/w?a=b%2Bc", "POST&/w&a=b%2Bc"],
    ["marks that encodeURIComponent leaves", "POST", "/w?a=!'()*", "POST&/w&a=%21%27%28%29%2A"],
    ["marks that are never encoded", "POST", "/w?a=-._~", "POST&/w&a=-._~"],
    ["letters beyond ASCII", "POST", "/w?a=%C3%BC", "POST&/w&a=%C3%BC"],
    ["escapes in lower case", "POST", "/w?a=%c3%bc", "POST&/w&a=%C3%BC"],
    ["a name to encode", "POST", "/w?a%2Fb=1", "POST&/w&a%2Fb=1"],
    ["an empty value", "POST", "/w?a=", "POST&/w&a="],
    ["a name without a value", "POST", "/w?a", "POST&/w&a="],
  ])("queryHash covers %s", (_name, method, address, canonical) => {
    expect(hashOf(method, address)).toBe(sha256(canonical));
  });

  it.each([
    ["an address below it", "/bridge/webhooks/wiki", "POST&/webhooks/wiki&"],
    ["the address itself", "/bridge", "POST&/&"],
    ["another path that begins the same", "/bridgehead", "POST&/bridgehead&"],
  ])("queryHash counts the path from the app's base address: %s", (_name, address, canonical) => {
    expect(hashOf("POST", address, `${ORIGIN}/bridge`)).toBe(sha256(canonical));
  });
});
