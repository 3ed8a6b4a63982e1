import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { indentedJson } from "../../../shared/host/json-tokens.ts";
import { redactedBody } from "../../../shared/http/redact-body.ts";

const shown = (text: string) => redactedBody(Buffer.from(text));
/** In no known form: only its place says what it is. */
const SECRET = "hunter-the-second";

describe("a recorded body, as it is shown", () => {
  it.each([
    ["a member with the name of a credential", { private_token: SECRET }],
    ["in whichever case and form", { "X-Gitlab-Token": SECRET }],
    ["in camel case", { sharedSecret: SECRET }],
    ["with a name that is escaped", `{"pass\\u0077ord":"${SECRET}"}`],
    ["an object below such a member", { credentials: { user: SECRET, more: [SECRET, { deep: SECRET }] } }],
    ["variables of an environment", { pipeline: { env: { REGION: SECRET, key: SECRET, name: SECRET } } }],
    ["variables in a list", { variables: [{ key: "REGION", value: SECRET }] }],
    ["a parameter whose name is that of a credential", { params: [{ name: "deploy-token", value: SECRET }] }],
    ["the same with the value before the name", { params: [{ value: SECRET, name: "deploy-token" }] }],
    ["a parameter with several values", { params: [{ name: "api_key", value: [SECRET, SECRET] }] }],
    [
      "the address at which Buildkite receives",
      { provider: { webhook_url: `https://webhook.buildkite.com/${SECRET}` } },
    ],
    ["a token of a known form in a text", { message: `use glpat-${SECRET}-12345` }],
    ["a password in a URL", { url: `https://ci:${SECRET}@git.example.test/x` }],
    ["a token in a URL", { url: `https://git.example.test/x?private_token=${SECRET}` }],
    ["a line of a text that is no JSON", `one\npassword=${SECRET}\ntwo`],
    ["JSON that is not whole", `{"private_token": "${SECRET}"`],
    ["a name of a member", { [`glpat-${SECRET}-12345`]: 1, [`https://ci:${SECRET}@git.example.test/x`]: 2 }],
    ["a value of which one name is that of a credential", { params: [{ name: "tag", key: "api_key", value: SECRET }] }],
    ["the same in the other order", { params: [{ key: "api_key", name: "tag", value: SECRET }] }],
    ["several values before the name", { params: [{ value: [SECRET, { a: SECRET }], name: "deploy-token" }] }],
    ...["tokens", "passwords", "api_keys", "access_tokens", "pass", "DB_PASS", "auth", "basicAuth", "passphrase"].map(
      (name): [string, unknown] => [`a member ${name}`, { [name]: [SECRET] }],
    ),
    [
      "a private key in a text",
      `a\n-----BEGIN RSA PRIVATE KEY-----\n${SECRET}\n${SECRET}\n-----END RSA PRIVATE KEY-----`,
    ],
    ["a private key without an end", `-----BEGIN PRIVATE KEY-----\n${SECRET}\n${SECRET}`],
    ["a private key in JSON", { note: `-----BEGIN PRIVATE KEY-----\n${SECRET}\n-----END PRIVATE KEY-----` }],
    ["JSON in a string", { body: JSON.stringify({ password: SECRET }) }],
    ["JSON in JSON in JSON", { a: JSON.stringify([JSON.stringify({ b: JSON.stringify({ pass: SECRET }) })]) }],
    ["JSON nested too deeply", { a: [1, 2, 3, 4, 5].reduce((all) => JSON.stringify({ all }), `{"pass":"${SECRET}"}`) }],
    ["a form", `a=1&password=${SECRET}`],
    ["JSON in a form", `payload=${encodeURIComponent(JSON.stringify({ password: SECRET }))}`],
    ["JSON in JSON that is not whole", `{"a": ${JSON.stringify(JSON.stringify({ password: SECRET }))}`],
    ["XML", `<a><password>${SECRET}</password></a>`],
    ["XML with an attribute", `<ns:password type="x">${SECRET}</ns:password>`],
    ["XML of several lines", `<a>\n<auth_token>\n${SECRET}\n</auth_token><password>\n${SECRET}\n</password>`],
    ["a number", `{"pin_secret": 4711008}`],
  ])("lacks the credential in %s", (_, body) => {
    const { text = "" } = shown(typeof body === "string" ? body : JSON.stringify(body));
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain("4711008");
  });

  it("the names of variables and parameters stay, and so does what is no credential", () => {
    const body = {
      variables: [{ key: "REGION", value: "x1" }],
      params: [{ name: "tag", value: "v1" }],
      token_count: 3,
    };
    const { text = "", removed } = shown(JSON.stringify(body));
    expect(JSON.parse(text)).toEqual({
      variables: [{ key: "REGION", value: "[removed: a member for credentials]" }],
      params: [{ name: "tag", value: "v1" }],
      token_count: 3,
    });
    expect(removed).toBe(1);
  });

  it("a body without credentials is shown as it arrived, to the character", () => {
    const text = '{ "id": 12345678901234567890, "a":1.50, "a":\t"\\u00e4\\n",\r\n "list":[ ] }';
    expect(shown(text)).toEqual({ kind: "json", text, removed: 0 });
    expect(shown("one\r\ntwo")).toEqual({ kind: "text", text: "one\r\ntwo", removed: 0 });
  });

  it("lines behind a private key and behind an element stay, and empty elements end none", () => {
    const text =
      "a\n-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\nb\n<password>\nx\n</password>\nc\n<token/>\nd";
    const left = shown(text)
      .text?.split("\n")
      .filter((line) => !line.startsWith("[removed: "));
    expect(left).toEqual(["a", "b", "c", "d"]);
  });

  it("words that only contain a short name of a credential stay", () => {
    const text = JSON.stringify({
      author: "Jane",
      compass: "north",
      passed: 3,
      authored_at: "today",
      nested: '{"a":"b"}',
    });
    expect(shown(text)).toEqual({ kind: "json", text, removed: 0 });
    expect(shown("Author: Jane\n<author>Jane</author>").removed).toBe(0);
  });

  it("counts each value once, and credentials in URLs, also those that were removed when it was received", () => {
    const urls = ["https://u:p@h.test/x", "https://h.test/?private_token=x", "https://REDACTED@h.test/"];
    expect(shown(JSON.stringify({ urls, url: urls[0], token: urls[0] })).removed).toBe(5);
    expect(shown(urls.join("\n")).removed).toBe(3);
  });

  it("bytes that are no text have none", () => {
    expect(redactedBody(new Uint8Array([0xff, 0xfe, 0x00]))).toEqual({ kind: "bytes", removed: 0 });
  });

  it("any JSON stays JSON, and without members for credentials it is the same", () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        const { text = "" } = shown(json);
        expect(() => JSON.parse(text)).not.toThrow();
        expect(JSON.parse(indentedJson(json))).toEqual(JSON.parse(json));
      }),
    );
  });

  it("no credential is shown, wherever in the body its member is", () => {
    const place = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { depthSize: "small" },
        fc.record({ password: fc.constant(SECRET), other: fc.json() }),
        fc.array(tie("tree"), { minLength: 1, maxLength: 3 }),
        fc.dictionary(fc.string(), tie("tree"), { minKeys: 1, maxKeys: 3 }),
      ),
    }));
    fc.assert(
      fc.property(place.tree, (body) => {
        expect(shown(JSON.stringify(body)).text).not.toContain(SECRET);
      }),
    );
  });

  it("deep nesting and long texts take no more than their length", () => {
    const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
    expect(shown(deep)).toMatchObject({ removed: 0 });
    expect(shown(JSON.stringify({ text: `${'\\"'.repeat(500_000)}` })).kind).toBe("json");
  });

  // Each takes some milliseconds. A quadratic search takes minutes, and the test then fails by its timeout.
  it.each([
    "eyJ",
    "eyJaaaaaaaa.",
    "token",
    "token-",
    "token ",
    "token\\",
    "-----BEGIN ",
    "bearer ",
    "Bearer\t1",
    "password= ",
    "https:",
    "?key=",
    "<token",
    "<password></password>",
    "-----BEGIN PRIVATE KEY",
    "pass",
    "+a",
    "%74oken",
    "glpat-",
    " ",
  ])("the time to redact a body of %j alone grows with its length alone", (part) => {
    const text = part.repeat(1_000_000 / part.length);
    expect(shown(text).kind).toBe("text");
    expect(shown(JSON.stringify({ text, [text]: 1 })).kind).toBe("json");
  });
});
