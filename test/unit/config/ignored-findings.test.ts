import { describe, expect, it } from "vitest";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig, showFinding, showSummary } from "../../../shared/config/load.ts";
import { secretsOf } from "../../support/test-doubles.ts";
import { whole } from "./files.ts";

const SECRETS = secretsOf({ WIKI_SECRET: "wiki-secret-for-tests", WIKI_TOKEN: "wiki-token-for-tests" });

async function linesOf(text: string): Promise<readonly string[]> {
  const findings = await checkLoaded(parseConfig(text, "x.yaml"), "x.yaml", SECRETS);
  return [...findings.map(showFinding), showSummary("x.yaml", findings)];
}

const ignoring = (...entries: readonly string[]): string => `checks: { ignore: [${entries.join(", ")}] }\n`;
const open = whole
  .replace("http://127.0.0.1:8080", "http://listener.example.com")
  .replace("originKey", "listener: { allowFrom: [{ namespace: ingress }] }\n    originKey");
const OPEN = "x.yaml:21:5 targets.docs-listener.url: http:// to another machine";
const entry = "{ id: unencrypted-target, at: targets.docs-listener, reason: the mesh encrypts it }";

describe("a finding", () => {
  it("a finding shows its level, the check's id, its place and its path", async () => {
    expect(await linesOf(open)).toEqual([
      expect.stringContaining(`warning [unencrypted-target] ${OPEN}`),
      "x.yaml: 0 errors, 1 warning",
    ]);
  });

  it("a finding is shown as ignored, with the reason, if the configuration ignores it", async () => {
    expect(await linesOf(open + ignoring(entry))).toEqual([
      expect.stringMatching(new RegExp(`^ignored \\[unencrypted-target\\] ${OPEN}.* \\(the mesh encrypts it\\)$`)),
      "x.yaml: 0 errors, 0 warnings, 1 ignored",
    ]);
  });

  it.each([
    ["its own path", "targets.docs-listener.url", true],
    ["the path of its part", "targets.docs-listener", true],
    ["the beginning of the part's name", "targets.docs", false],
    ["a path below it", "targets.docs-listener.url.host", false],
    ["another part", "targets.pages", false],
  ])("an entry with %s ignores the finding: $2", async (_, at, isIgnored) => {
    const [first = ""] = await linesOf(open + ignoring(entry.replace("targets.docs-listener", at)));
    expect(first.startsWith("ignored ")).toBe(isIgnored);
  });

  it("a finding is not ignored by the id of another check", async () => {
    const lines = await linesOf(open + ignoring(entry.replace("unencrypted-target", "unused-target")));
    expect(lines).toContainEqual(expect.stringContaining(`warning [unencrypted-target] ${OPEN}`));
  });

  it("an error that may be ignored is not an error any more once an entry ignores it", async () => {
    const waiting = whole.replace("do: { tekton", "approval: {}\n    do: { tekton");
    expect(await linesOf(waiting)).toEqual([
      expect.stringMatching(/^error \[no-approver\] x\.yaml:35:5 routes\.docs-build\.approval: /),
      expect.stringMatching(/^warning \[unnamed-people\] x\.yaml:9:3 sources\.wiki: /),
      expect.stringMatching(/^warning \[unverified-approval\]/),
      "x.yaml: 1 error, 2 warnings",
    ]);
    const ignored = waiting + ignoring("{ id: no-approver, at: routes.docs-build, reason: the role comes next week }");
    expect((await linesOf(ignored)).at(-1)).toBe("x.yaml: 0 errors, 2 warnings, 1 ignored");
  });
});

describe("an entry of checks.ignore", () => {
  it("an entry is a warning once its finding is gone, so that it does not hide the next one", async () => {
    expect(await linesOf(whole + ignoring(entry))).toEqual([
      'warning [unused-ignore] x.yaml:42:20 checks.ignore[0]: "unencrypted-target" finds nothing at targets.docs-listener: remove the entry',
      "x.yaml: 0 errors, 1 warning",
    ]);
  });

  it("an entry whose path leads elsewhere is a warning that says where the check finds something", async () => {
    const lines = await linesOf(open + ignoring(entry.replace("docs-listener", "docs-lisener")));
    expect(lines).toContainEqual(
      expect.stringMatching(/^warning \[unused-ignore\] .*; it finds something at targets\.docs-listener\.url$/),
    );
  });

  it.each([
    [
      "no reason",
      entry.replace(", reason: the mesh encrypts it", ""),
      /checks\.ignore\[0\]\.reason: "reason" is missing$/,
    ],
    ["an empty reason", entry.replace("the mesh encrypts it", '""'), /reason: it must be a text that says why/],
    ["a reason of spaces", entry.replace("the mesh encrypts it", '"  "'), /reason: it must be a text that says why/],
    ["no path", entry.replace("at: targets.docs-listener, ", ""), /"at" is missing$/],
    [
      "a whole section",
      entry.replace("targets.docs-listener", "targets"),
      /at: it must be a path with a section and a name/,
    ],
    [
      "an unknown id",
      entry.replace("unencrypted", "unencryptd"),
      /id: there is no check "unencryptd-target" \(did you mean "unencrypted-target"\?\)/,
    ],
    ["an unknown key", entry.replace("reason", "why"), /there is no "why" here/],
    [
      "a check that lets strangers in",
      entry.replace("unencrypted-target", "unpinned-shared-issuer"),
      /id: "unpinned-shared-issuer" cannot be ignored: pin an id/,
    ],
    [
      "a secret that cannot be read",
      entry.replace("unencrypted-target", "unreadable-secret"),
      /id: "unreadable-secret" cannot be ignored/,
    ],
    [
      "the check of these entries",
      entry.replace("unencrypted-target", "unused-ignore"),
      /id: "unused-ignore" cannot be ignored/,
    ],
  ])("an entry with %s is a mistake of form", async (_, wrong, message) => {
    const lines = await linesOf(open + ignoring(wrong));
    expect(lines.filter((line) => line.startsWith("error "))).toContainEqual(expect.stringMatching(message));
  });

  it("an entry does not ignore a mistake of form", async () => {
    const wrong = whole.replace("retentionDays: 90", "retentionDays: 0");
    const lines = await linesOf(wrong + ignoring(entry.replace("targets.docs-listener", "limits.retentionDays")));
    expect(lines).toContainEqual("error x.yaml:41:3 limits.retentionDays: it must be 1 or more");
  });
});

describe("a configuration with a mistake of form", () => {
  const broken = open.replace("provider: confluence", "provider: conflunce");

  it("a configuration with a mistake of form is still checked in its other parts, and more may follow", async () => {
    expect(await linesOf(broken.replace("env:WIKI_TOKEN", "env:MISSING"))).toEqual([
      expect.stringMatching(/^error x\.yaml:10:5 sources\.wiki\.provider: /),
      expect.stringMatching(/^error \[unreadable-secret\] x\.yaml:30:19 targets\.pages\.credential\.bearer: /),
      expect.stringContaining(`warning [unencrypted-target] ${OPEN}`),
      "x.yaml: 2 errors, 1 warning; more may follow once these are corrected",
    ]);
  });

  it.each([
    ["a source", "provider: tekton", "provider: tekon"],
    ["a target", "kind: tekton", "kind: tekon"],
    ["a route", "[{ prefix: build. }]", "[{ starts: build. }]"],
    ["an issuer", "    audience: https://bridge.example.com\n", ""],
    ["a section's name", "targets:\n", "target:\n"],
    ["a section", "limits:\n  bodyBytes: 1048576\n  retentionDays: 90\n", "limits: 5\n"],
  ])("a mistake of form causes no finding that only follows from it: in %s", async (_, right, wrong) => {
    expect(whole).toContain(right);
    const lines = await linesOf(whole.replace(right, wrong));
    expect(lines.filter((line) => line.startsWith("warning") || line.startsWith("error ["))).toEqual([]);
  });

  it("a mistake of form causes no warning about an entry that ignores a finding of the part", async () => {
    const lines = await linesOf(broken.replace("kind: tekton", "kind: tekon") + ignoring(entry));
    expect(lines.filter((line) => line.includes("unused-ignore"))).toEqual([]);
  });

  it("a mistake in the entries that ignore findings makes no finding appear as new", async () => {
    const lines = await linesOf(open + ignoring(entry, "{ id: x }"));
    expect(lines.filter((line) => line.includes("unencrypted-target"))).toEqual([]);
  });

  it("the summary says that more may follow only if something was not checked", async () => {
    const unpinned = whole.replace("https://idp.example.com", "https://gitlab.com");
    expect((await linesOf(unpinned)).at(-1)).toBe("x.yaml: 1 error, 1 warning");
    expect((await linesOf(whole.replace("env:WIKI_TOKEN", "env:MISSING"))).at(-1)).toMatch(/more may follow/);
    expect((await linesOf(whole.replace("bodyBytes: 1048576", "bodyBytes: 1"))).at(-1)).toMatch(/more may follow/);
  });
});
