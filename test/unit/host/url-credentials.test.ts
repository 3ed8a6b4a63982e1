import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  credentialIn,
  parseWebUrl,
  redactBody,
  redactJson,
  redactText,
  withoutCredentials,
} from "../../../shared/host/url-credentials.ts";
import { propertyCases } from "../../support/property-cases.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const SECRET = "hunter2";

/** Each has {@link SECRET} as its credential. */
const WITH_CREDENTIAL: readonly (readonly [string, string, string])[] = [
  ["a password", "https://bot:hunter2@git.example.test/a.git", "user info"],
  ["a token as the user", "https://hunter2@git.example.test/a.git", "user info"],
  ["a password with an @", "https://bot:x@hunter2@git.example.test/a.git", "user info"],
  ["a token behind a repeated scheme", "https:https:x-http://hunter2@git.example.test/a.git", "user info"],
  ["two hosts", "https://git.example.test@http://hunter2@git.example.test/a.git", "user info"],
  ["a scheme in capitals", "HTTPS://bot:hunter2@git.example.test/a.git", "user info"],
  ["another scheme", "postgres://bot:hunter2@db.example.test/docs", "user info"],
  ["a short scheme", "s3://hunter2@bucket/key", "user info"],
  ["no scheme", "//bot:hunter2@git.example.test/a.git", "user info"],
  ["a password for SSH", "ssh://git:hunter2@git.example.test/a.git", "user info"],
  ["one slash", "https:/bot:hunter2@git.example.test/a.git", "user info"],
  ["backslashes", "https:\\\\bot:hunter2@git.example.test/a.git", "user info"],
  ["a scheme in capitals and backslashes", "HTTP:\\\\bot:hunter2@git.example.test/a.git", "user info"],
  ["no slash", "https:bot:hunter2@git.example.test/a.git", "user info"],
  ["an @ before the password", "http:@hunter2@git.example.test/a.git", "user info"],
  ["a web socket with one slash", "wss:/bot:hunter2@git.example.test/a", "user info"],
  ["FTP without slashes", "ftp:bot:hunter2@git.example.test/a", "user info"],
  ["a domain before the user", "smb://DOCS\\bot:hunter2@files.example.test/a", "user info"],
  ["letters beyond ASCII", "https://bät:hunter2@git.example.test/a.git", "user info"],
  ["GitLab's token", "https://git.example.test/a?private_token=hunter2", "the parameter private_token"],
  ["a token behind others", "https://git.example.test/a?b=1&access_token=hunter2&c=2", "the parameter access_token"],
  ["mixed case", "https://git.example.test/a?Private_Token=hunter2", "the parameter Private_Token"],
  ["a short name", "https://git.example.test/a?user=kim&pw=hunter2", "the parameter pw"],
  [
    "Vault's second half of a login",
    "https://git.example.test/a?role_id=1&secret_id=hunter2",
    "the parameter secret_id",
  ],
  ["a name with a version", "https://git.example.test/a?token_v2=hunter2", "the parameter token_v2"],
  ["an encoded name", "https://git.example.test/a?private%5Ftoken=hunter2", "the parameter private_token"],
  ["a name encoded twice", "https://git.example.test/a?private%255Ftoken=hunter2", "the parameter private_token"],
  ["a list", "https://git.example.test/a?token[]=hunter2", "the parameter token"],
  ["a repeated parameter", "https://git.example.test/a?token=&token=hunter2", "the parameter token"],
  ["AWS", "https://s3.example.test/a?X-Amz-Date=1&X-Amz-Signature=hunter2", "the parameter X-Amz-Date"],
  ["AWS, version 2", "https://s3.example.test/a?Signature=hunter2&Expires=1", "the parameter Signature"],
  ["Google", "https://storage.example.test/a?X-Goog-Signature=hunter2", "the parameter X-Goog-Signature"],
  ["Azure", "https://blob.example.test/a?sv=2024-01-01&sp=r&sig=hunter2%3D", "the parameter sig"],
  ["a fragment", "https://git.example.test/a#access_token=hunter2&state=1", "the parameter access_token"],
  ["a path parameter", "https://git.example.test/a;jsessionid=hunter2?b=1", "the parameter jsessionid"],
  ["a value with separators", "https://git.example.test/a?token=x;y?/hunter2&b=1", "the parameter token"],
  ["a URL in a parameter", "https://git.example.test/a?u=https%3A%2F%2Fbot%3Ahunter2%40b.test%2F", "user info"],
  [
    "a URL in a parameter, as it is",
    "https://git.example.test/a?u=https://b.test?token=hunter2",
    "the parameter token",
  ],
  ["a URL in a path", "https://git.example.test/r/https%253A%252F%252Fb.test%253Fsig%253Dhunter2", "the parameter sig"],
  ["escapes of JSON", "https://git.example.test/a?b=1\\u0026token=hunter2", "the parameter token"],
  ["escaped slashes", "https:\\/\\/bot:hunter2@git.example.test\\/a", "user info"],
];

const WITHOUT: readonly string[] = [
  "https://git.example.test/@jane/a?b=c@d#e@f",
  "https://git.example.test/a?pageId=98310&spaceKey=DOCS&key=1&design=2&assign=3",
  "https://git.example.test/a?private_token=&b=1",
  "ssh://git@git.example.test:2222/a.git",
  "git+ssh://git@git.example.test/a.git",
  "git@git.example.test:a/b.git",
  "https://git.example.test/a?key=DOCS-1234&code=en-GB&session=2026-11-29&ticket=release-notes-of-november",
  "https://git.example.test/a?key=Gr%C3%B6%C3%9Fen%C3%A4nderung&code=release-plan-2026-for-docs",
  "Jane <jane@example.test>, a=b; //team@example",
  "100 % of token=1 in a text without a separator",
  "",
];

describe("credentials in URLs", () => {
  it("is read in a time that grows with the length of the text", () => {
    for (const repeated of ["a;key=", "?key=", "&code=a1b2c3d4e5f6g7h8;", "a;token=", "https://a:"]) {
      const text = `https://x.example.test/?${repeated.repeat(40_000)}`;
      // A quadratic reading takes longer than a test may.
      expect(redactText(text)).toMatch(/^https:/);
    }
  });

  it.each(["key", "code", "ticket", "session", "sid", "device_code", "oauth[code]"])(
    "a random value of %s is a credential",
    (name) => {
      const random = "ST-4711-aUfK0pQ2mNx81vZt";
      for (const url of [
        `https://ci.example.test/a?b=1&${name}=${random}`,
        `https://ci.example.test/a#${name}=${random}`,
      ]) {
        expect(credentialIn(url)).toBe(`the parameter ${name.replace(/[^\w.-]/g, "")}`);
        expect(redactText(redactText(url))).toBe(url.replace(random, "REDACTED"));
        expect(parseWebUrl(url)).toMatchObject({ ok: false });
        expect(redactBody(bytes(JSON.stringify({ url })))).toEqual(bytes(JSON.stringify({ url: redactText(url) })));
      }
    },
  );

  it.each(WITH_CREDENTIAL)("%s is found and removed from a text", (_, url, found) => {
    expect(credentialIn(`See ${url} for more.`)).toBe(found);
    expect(redactText(`See ${url} for more.`)).toMatch(/^See [^ ]*REDACTED[^ ]* for more\.$/);
    expect(redactText(url)).not.toContain(SECRET);
  });

  it.each(WITH_CREDENTIAL)("a URL with %s is no link, neither before nor after it was removed", (_, url) => {
    expect(parseWebUrl(url).ok).toBe(false);
    expect(parseWebUrl(redactText(url)).ok).toBe(false);
  });

  it.each(WITH_CREDENTIAL)("%s is removed from a body, and the rest stays", (_, url) => {
    const redacted = JSON.parse(Buffer.from(redactBody(bytes(JSON.stringify({ a: 1, url }))) ?? "").toString());
    expect(redacted).toEqual({ a: 1, url: redactText(url) });
  });

  it.each(WITHOUT)("%s has none", (text) => {
    expect(credentialIn(text)).toBeUndefined();
    expect(redactText(text)).toBe(text);
    expect(redactBody(bytes(JSON.stringify({ text })))).toBeUndefined();
  });

  it.each(["javascript:alert(1)", "/a", "a b", "ftp://a.example.test/", ""])("%s is no URL for a link", (text) => {
    expect(parseWebUrl(text)).toEqual({ ok: false, found: "no http or https URL" });
  });

  it("a URL for a link is parsed", () => {
    const parsed = parseWebUrl("https://CI.example.test/runs/7?a=b c");
    expect(parsed.ok && parsed.url.href).toBe("https://ci.example.test/runs/7?a=b%20c");
  });

  it("only the credential is removed from a text", () => {
    expect(redactText("a https://u:p@h.test/x?b=1&token=s&c=2#d and (ftp://k@h.test)")).toBe(
      "a https://REDACTED@h.test/x?b=1&token=REDACTED&c=2#d and (ftp://REDACTED@h.test)",
    );
  });

  it("a body whose sender escapes all letters beyond ASCII has no credential left", () => {
    const body = '{"url":"https://b\\u00e4t:hunter\\u4e2d2@git.example.test/a.git"}';
    expect(Buffer.from(redactBody(bytes(body)) ?? "").toString()).toBe(
      '{"url":"https://REDACTED@git.example.test/a.git"}',
    );
  });

  it("numbers, repeated members and blanks of a body stay as they are", () => {
    const body = '{"n": 12345678901234567890,"n":1e2, "u" : "https:\\/\\/u:p@h.test\\/"}\n';
    expect(Buffer.from(redactBody(bytes(body)) ?? "").toString()).toBe(
      '{"n": 12345678901234567890,"n":1e2, "u" : "https://REDACTED@h.test/"}\n',
    );
  });

  it.each(["token=a&b https://u:p@h.test", '{"a": "https://u:p@h.test', '"\\x https://u:p@h.test"', "\u00ff//u:p@h"])(
    "a body that is no JSON is redacted as text: %s",
    (body) => expect(Buffer.from(redactBody(bytes(body)) ?? "").toString()).toContain("//REDACTED@h"),
  );

  it("a value without a credential is returned as it is", () => {
    const value = { a: ["https://ci.example.test/?b=1"] };
    expect(withoutCredentials(value)).toBe(value);
    expect(withoutCredentials({ a: ["https://u:p@h.test/"] })).toEqual({ a: ["https://REDACTED@h.test/"] });
  });

  it.each([
    ["separators", "?&;#".repeat(100_000)],
    ["parameters", "?a=".repeat(100_000)],
    ["tokens", "?token=".repeat(100_000)],
    ["slashes", "/".repeat(400_000)],
    ["users", "//a:b@".repeat(70_000)],
    ["an encoding of encodings", `?a=%${"25".repeat(200_000)}`],
    ["backslashes", "\\".repeat(400_000)],
    ["schemes", "https:".repeat(70_000)],
    ["schemes of other kinds", "ws:".repeat(140_000)],
    ["schemes and backslashes", `https:${"\\".repeat(400_000)}`],
    ["slashes and users", "/\\@".repeat(140_000)],
    ["quotes", '"'.repeat(400_001)],
  ])("a body of 400 KB with nothing but %s is read in the time of a test", (_, text) => {
    // A quadratic reading takes longer than a test may.
    for (const body of [`${text}@=`, JSON.stringify({ text })]) expect(() => redactBody(bytes(body))).not.toThrow();
  });
});

const secret = fc
  .string({ unit: fc.constantFrom(..."abcXYZ019-._~!$'()*+,;=:"), minLength: 4, maxLength: 40 })
  .map((text) => `${SECRET}${text}`);
const queryName = fc.constantFrom(
  "private_token",
  "ACCESS-TOKEN",
  "x-amz-security-token",
  "sig",
  "X-Goog-Credential",
  "client_secret",
  "api%5Fkey",
);
const place = fc.webUrl().map((url) => url.replace(/[?#].*/, ""));
const url = fc.oneof(
  fc.tuple(place, secret).map(([at, value]) => at.replace("//", () => `//ci:${value}@`)),
  fc.tuple(place, secret).map(([at, value]) => at.replace("//", () => `//${value.replaceAll(":", "")}@`)),
  fc
    .tuple(place, queryName, secret, fc.constantFrom("?", "#", "?a=b&", "?a=b#c=d&", ";"))
    .map(([at, name, value, before]) => `${at}${before}${name}=${value}&z=1`),
);
const nested = fc.oneof(
  url,
  fc.tuple(place, url).map(([at, inner]) => `${at}?next=${encodeURIComponent(inner)}`),
  fc.tuple(place, url).map(([at, inner]) => `${at}/${encodeURIComponent(encodeURIComponent(inner))}?a=b`),
  url.map((inner) => JSON.stringify({ inner }).replaceAll("&", "\\u0026")),
);
const text = fc
  .tuple(fc.string({ unit: "binary" }), nested, fc.string())
  .map(([before, inner, after]) => `${before} ${inner}\n${after}`);

/** A text in JSON with other escapes than `JSON.stringify` writes, as some senders do. */
const literal = (value: string, characters: readonly string[]) =>
  characters.reduce(
    (all, one) => all.replaceAll(one, () => `\\u00${one.charCodeAt(0).toString(16)}`),
    JSON.stringify(value),
  );

/** What a parser may accept as a URL with a credential, in characters that do not end a word. */
const word = fc
  .tuple(
    fc.constantFrom("http", "HTTPS", "ws", "Wss", "ftp", "postgres", "smb", "a1"),
    fc.string({ unit: fc.constantFrom("/", "\\"), maxLength: 4 }),
    fc.string({ unit: fc.constantFrom(..."@@@::abh.%41[]é中~!$&'()*+,;=_-|^`{}/\\?#"), maxLength: 12 }),
    fc.constantFrom("", "@h", "@h.test/", "@[::1]:8"),
  )
  .map(([scheme, slashes, rest, end]) => `${scheme}:${slashes}${rest}${end}`);

/** The credential that the parser of Node.js finds in a URL. */
const parsedCredential = (sent: string): string => {
  if (!URL.canParse(sent)) return "";
  const { username, password } = new URL(sent);
  return username + password;
};

describe("any credential in any text", () => {
  it("no parser finds a credential in what was redacted, nor in a body, however it is escaped", () =>
    fc.assert(
      fc.property(word, fc.constantFrom("", "(", "a=", "\n"), (sent, before) => {
        if (parsedCredential(sent) === "") return;
        expect(["", "REDACTED"]).toContain(parsedCredential(redactText(sent)));
        expect(credentialIn(before + sent)).toBeDefined();
        expect(parseWebUrl(sent).ok).toBe(false);
        const body = JSON.stringify({ sent: before + sent });
        const escaped = body.replace(/[^ -~]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
        for (const text of [body, escaped]) {
          const redacted = Buffer.from(redactBody(bytes(text)) ?? "").toString();
          expect(JSON.parse(redacted)).toEqual({ sent: redactText(before + sent) });
        }
      }),
      propertyCases("URLs with a credential"),
    ));

  it("no credential survives, and a second call changes nothing", () =>
    fc.assert(
      fc.property(text, (sent) => {
        const redacted = redactText(sent);
        expect(redacted).not.toContain(SECRET);
        expect(redactText(redacted)).toBe(redacted);
        expect(credentialIn(redacted)).toBeUndefined();
      }),
    ));

  it("no credential survives in a body, whatever the sender escapes, and the body stays JSON", () =>
    fc.assert(
      fc.property(
        text,
        fc.string({ unit: "binary" }),
        fc.subarray(["/", "@", "=", "&", "_", ":", "%", "?"]),
        (sent, other, characters) => {
          const [name, value] = [literal(sent, []), literal(sent, characters)];
          const body = `{"other":${literal(other, [])},"sent":[{${name}:${value}}]}`;
          const redacted = redactBody(bytes(body));
          const read = JSON.parse(Buffer.from(redacted ?? "").toString());
          expect(JSON.stringify(read)).not.toContain(SECRET);
          expect(read.sent[0]).toEqual({ [redactText(sent)]: redactText(sent) });
        },
      ),
    ));

  it("the search of a body finds whatever the slow way would change", () =>
    fc.assert(
      fc.property(
        fc.oneof(fc.json(), fc.string({ unit: fc.constantFrom(...'"\\/u0026:@?&=;%#7tokensig ') })),
        (body) => {
          const slow = redactJson(body);
          expect(Buffer.from(redactBody(bytes(body)) ?? bytes(body)).toString()).toBe(slow);
        },
      ),
    ));

  // Each takes some milliseconds. A quadratic search takes minutes, and the test then fails by its timeout.
  it.each([
    ["https:", "%41"],
    ["//a", "%41"],
    ["http%3A", ""],
    ["?tokens=", "https://a.example.test/"],
  ])("the time to search %s, many times, grows with the length alone", (part, before) => {
    const body = JSON.stringify({ a: `${before}${part.repeat(2_000_000 / part.length)}` });
    expect(credentialIn(body)).toBeUndefined();
    expect(redactBody(bytes(body))).toBeUndefined();
  });
});
