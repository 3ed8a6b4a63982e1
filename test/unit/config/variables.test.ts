// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the mistakes that people write.
import { describe, expect, it } from "vitest";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { secretsOf } from "../../support/test-doubles.ts";
import { findingsIn, whole } from "./files.ts";

const BEARER = "credential: { bearer: env:WIKI_TOKEN }";
const SECRET = "hubSignature: { current: env:WIKI_SECRET }";
const WRITE = "targets.pages.credential.bearer: variables are not filled in: write env:WIKI_TOKEN";

const forms = [
  "${WIKI_TOKEN}",
  "$WIKI_TOKEN",
  "{{ WIKI_TOKEN }}",
  "{{WIKI_TOKEN}}",
  "{{ .Values.WIKI_TOKEN }}",
  "${{ secrets.WIKI_TOKEN }}",
  "${WIKI_TOKEN:-none}",
  "${env.WIKI_TOKEN}",
  "%WIKI_TOKEN%",
] as const;

describe("a variable in place of a secret", () => {
  it.each(forms)("a variable in flow style is one error that says what to write: %s", (form) => {
    expect(findingsIn(whole.replace(BEARER, `credential: { bearer: ${form} }`))).toEqual([`29:19 ${WRITE}`]);
    expect(findingsIn(whole.replace(BEARER, `credential: {bearer: ${form}}`))).toEqual([`29:18 ${WRITE}`]);
  });

  it.each(forms)("a variable in quotes is one error that says what to write: %s", (form) => {
    expect(findingsIn(whole.replace(BEARER, `credential: { bearer: "${form}" }`))).toEqual([`29:19 ${WRITE}`]);
    expect(findingsIn(whole.replace(BEARER, `credential: { bearer: '${form}' }`))).toEqual([`29:19 ${WRITE}`]);
  });

  it.each(forms)("a variable in a block is one error that says what to write: %s", (form) => {
    expect(findingsIn(whole.replace(BEARER, `credential:\n      bearer: ${form}`))).toEqual([`30:7 ${WRITE}`]);
  });

  it.each(forms)("a variable in place of a pair is one error that says what to write: %s", (form) => {
    const finding = "12:5 sources.wiki.hubSignature: variables are not filled in: write { current: env:WIKI_TOKEN }";
    expect(findingsIn(whole.replace(SECRET, `hubSignature: ${form}`))).toEqual([finding]);
  });

  it.each(forms)("a variable in a list is one error that says what to write: %s", (form) => {
    const identity = (keys: string) => `identity: { issuer: https://b.example.com, keys: ${keys} }\n`;
    const finding = expect.stringMatching(
      /^42:\d+ identity\.keys\[1\]: variables are not filled in: write env:WIKI_TOKEN$/,
    );
    expect(findingsIn(whole + identity(`[env:KEY, ${form}]`))).toEqual([finding]);
    expect(findingsIn(whole + identity(`[env:KEY,${form} ]`))).toEqual([finding]);
  });

  it("each of several variables in a file and in a line is an error at its own column", () => {
    const text = whole
      .replace(SECRET, "hubSignature: { current: ${A_KEY}, next: ${B_KEY} }")
      .replace(BEARER, "credential: { bearer: {{ C_KEY }} }")
      .replace("bodyBytes: 1048576", "bodyBytes: 12");
    expect(findingsIn(text)).toEqual([
      "12:21 sources.wiki.hubSignature.current: variables are not filled in: write env:A_KEY",
      "12:40 sources.wiki.hubSignature.next: variables are not filled in: write env:B_KEY",
      "29:19 targets.pages.credential.bearer: variables are not filled in: write env:C_KEY",
      "40:3 limits.bodyBytes: it must be 1024 or more",
    ]);
  });

  it("a variable is an error also beside a mistake of syntax", () => {
    const text = whole
      .replace(BEARER, "credential: { bearer: ${WIKI_TOKEN} }")
      .replace("bodyBytes: 1048576", "bodyBytes: [");
    expect(findingsIn(text)).toContainEqual(
      expect.stringMatching(/^29:19 targets\.pages\.credential\.bearer: variables are not/),
    );
  });

  it.each(["$ecretPassw0rd", "${hunter2}", "{{ hunter2 }}", "%hunter2%"])(
    "the error about a variable does not repeat what may be the secret itself: %s",
    (text) => {
      const findings = findingsIn(whole.replace(BEARER, `credential: { bearer: ${text} }`)).join("\n");
      expect(findings).toContain("targets.pages.credential.bearer");
      expect(findings).not.toMatch(/ecret?Passw0rd|hunter2/);
    },
  );
});

describe("a variable in place of another value", () => {
  it.each([
    [
      "an address",
      "url: http://127.0.0.1:8080",
      "url: ${LISTENER}",
      "21:5 targets.docs-listener.url: variables are not filled in: write the value itself",
    ],
    [
      "a number",
      "retentionDays: 90",
      "retentionDays: ${DAYS}",
      "41:3 limits.retentionDays: variables are not filled in: write the value itself",
    ],
    [
      "a choice",
      "product: data-center",
      "product: $PRODUCT",
      "27:5 targets.pages.product: variables are not filled in: write the value itself",
    ],
  ])("a variable is a mistake of form if no such text is valid: %s", (_, right, wrong, finding) => {
    expect(whole).toContain(right);
    expect(findingsIn(whole.replace(right, wrong))).toEqual([finding]);
  });

  it.each([
    ["a list", "audience: https://bridge.example.com", "audience: [https://bridge.example.com, a${B}c]"],
    ["an address in flow style", "jwks: { url: https://idp.example.com/keys }", "jwks: { url: https://${HOST}/keys }"],
  ])("a variable is one mistake of form in %s", (_, right, wrong) => {
    expect(findingsIn(whole.replace(right, wrong)).filter((finding) => finding.includes("variables"))).toHaveLength(1);
    expect(findingsIn(whole.replace(right, wrong)).length).toBeLessThanOrEqual(2);
  });

  const idsIn = async (text: string) => {
    const secrets = secretsOf({ WIKI_SECRET: "wiki-secret-for-tests", WIKI_TOKEN: "wiki-token-for-tests" });
    return (await checkLoaded(parseConfig(text, "x.yaml"), "x.yaml", secrets)).map(
      ({ id, message }) => `${id} ${message}`,
    );
  };

  it.each([
    ["an audience", "audience: https://bridge.example.com", "audience: ${AUDIENCE}", "issuers.cluster.audience[0]"],
    ["a part of an address", "url: http://127.0.0.1:8080", "url: https://${HOST}", "targets.docs-listener.url"],
    [
      "a param",
      "{ target: docs-listener }",
      '{ target: docs-listener, params: { mode: "%MODE%" } }',
      "routes.docs-build.do.tekton.params.mode",
    ],
  ])("a variable is an error of a check if any text is valid: %s", async (_, right, wrong, path) => {
    expect(whole).toContain(right);
    expect(await idsIn(whole.replace(right, wrong))).toContainEqual(
      expect.stringMatching(new RegExp(`^unfilled-variable x\\.yaml:\\d+:\\d+ ${path.replace(/[.[\]]/g, "\\$&")}: `)),
    );
  });

  it.each([
    ["a path into the event", "params: { page: $.detail.page.id }"],
    ["a price", 'params: { price: "$5" }'],
    ["a percentage", 'params: { share: "100%" }'],
    ["a pair of braces", 'params: { json: "{}" }'],
  ])("%s is not a variable", async (_, params) => {
    expect(await idsIn(whole.replace("{ target: docs-listener }", `{ target: docs-listener, ${params} }`))).toEqual([]);
  });

  it("a comment and a text over several lines hold no variable", async () => {
    const script = "# { a: ${B} }\n  docs-build:\n    # {{ c }}";
    expect(await idsIn(whole.replace("  docs-build:", script))).toEqual([]);
    const block = 'do: { tekton: { target: docs-listener, params: { a: "b\n      c" } } }';
    expect(await idsIn(whole.replace("do: { tekton: { target: docs-listener } }", block))).toEqual([]);
  });
});

describe("a key that occurs twice", () => {
  it.each([
    [
      "in a block",
      "  retentionDays: 90",
      "  retentionDays: 90\n  retentionDays: 91",
      '42:3 limits.retentionDays: "retentionDays" is already in line 41; give it once',
    ],
    [
      "in flow style",
      "{ bearer: env:WIKI_TOKEN }",
      "{ bearer: env:WIKI_TOKEN, bearer: env:WIKI_TOKEN }",
      '29:43 targets.pages.credential.bearer: "bearer" is already in line 29; give it once',
    ],
    ["as a section", "limits:\n", "routes: {}\nlimits:\n", '39:1 routes: "routes" is already in line 31; give it once'],
    [
      "as a source",
      "  prod-cluster:\n",
      "  wiki: { provider: gitlab, token: { current: env:A } }\n  prod-cluster:\n",
      '14:3 sources.wiki: "wiki" is already in line 9; give it once',
    ],
    [
      "once in quotes",
      "  retentionDays: 90",
      '  retentionDays: 90\n  "retentionDays": 91',
      '42:3 limits.retentionDays: "retentionDays" is already in line 41; give it once',
    ],
  ])("a key that occurs twice is reported with the line of the first: %s", (_, right, wrong, finding) => {
    expect(whole).toContain(right);
    expect(findingsIn(whole.replace(right, wrong))).toContainEqual(finding);
  });

  it("a key is an error each time it occurs again, and other mistakes are reported too", () => {
    const text = whole.replace("  bodyBytes: 1048576", "  bodyBytes: 1048576\n  bodyBytes: 1048577\n  bodyBytes: 12");
    expect(findingsIn(text.replace("provider: confluence", "provider: conflunce"))).toEqual([
      expect.stringMatching(/^10:5 sources\.wiki\.provider: /),
      expect.stringMatching(/^40:3 limits\.bodyBytes: it must be 1024 or more/),
      '41:3 limits.bodyBytes: "bodyBytes" is already in line 40; give it once',
      '42:3 limits.bodyBytes: "bodyBytes" is already in line 40; give it once',
    ]);
  });
});

describe("a merge key", () => {
  it.each([
    ["in a source", "    hubSignature: { current: env:WIKI_SECRET }", "    <<: *other", "sources.wiki"],
    ["in a target, in place of what is required", "    product: data-center\n", "    <<: *other\n", "targets.pages"],
    ["in a route", "    when: { detail-type: [{ prefix: build. }] }\n", "    <<: *other\n", "routes.docs-status"],
    ["in limits", "  bodyBytes: 1048576", "  <<: [*other]", "limits"],
    ["in flow style", "{ bearer: env:WIKI_TOKEN }", "{ <<: *other }", "targets.pages.credential"],
  ])("a merge key is one error that says what to do: %s", (_, right, wrong, path) => {
    expect(whole).toContain(right);
    const text = whole.replace(right, wrong).replace("jwks: {", "jwks: &other {");
    expect(findingsIn(text)).toEqual([
      expect.stringMatching(new RegExp(`^\\d+:\\d+ ${path}\\.<<: merge keys \\("<<"\\) do not work: `)),
    ]);
  });

  it("a merge key does not keep other mistakes from being reported", () => {
    const text = whole
      .replace("bodyBytes: 1048576", "<<: { bodyBytes: 1048576 }")
      .replace("provider: confluence", "provider: conflunce");
    expect(findingsIn(text)).toHaveLength(2);
  });
});

describe("a path", () => {
  it.each([
    [
      "a role of a trust entry",
      "roles: [{ role: nobody, when: [{ path: a, equals: b }] }]",
      /issuers\.cluster\.roles\[0\]\.role: there is no role "nobody"/,
    ],
    [
      "a role given by its name",
      "roles: [ci, nobody]",
      /issuers\.cluster\.roles\[1\](\.role)?: there is no role "nobody"/,
    ],
    [
      "a rule of a role",
      "roles: [{ role: ci, when: [{ path: a, equal: b }] }]",
      /issuers\.cluster\.roles\[0\]\.when\[0\]/,
    ],
    ["a claim", "claims: [{ path: a, equals: b }, { path: a, equals: 7 }]", /issuers\.cluster\.claims\[1\]\.equals/],
  ])("a path shows the index of a list in brackets: %s", (_, line, finding) => {
    const text = whole.replace("    jwks: {", `    ${line}\n    jwks: {`);
    const findings = findingsIn(text);
    expect(findings).toContainEqual(expect.stringMatching(finding));
    expect(findings.join("\n")).not.toMatch(/\.\d+[.:]/);
  });
});
