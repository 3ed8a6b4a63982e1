import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { parseConfig, readConfig } from "../../../shared/config/load.ts";
import { propertyCases } from "../../support/property-cases.ts";
import { findingsIn, whole } from "./files.ts";
import { mistakes } from "./mistakes.ts";

describe("a whole configuration", () => {
  it("a whole configuration is loaded with its defaults", () => {
    const loaded = parseConfig(whole, "drawbridge.yaml");
    expect(loaded).toMatchObject({
      ok: true,
      config: {
        issuers: { cluster: { audience: ["https://bridge.example.com"], clockSkewSeconds: 5 } },
        sources: [{ name: "wiki", provider: "confluence" }, { name: "prod-cluster" }],
        targets: [{ name: "docs-listener", kind: "tekton" }, { name: "pages" }],
        routes: [{ name: "docs-build", action: "tekton", target: "docs-listener" }, { name: "docs-status" }],
        limits: { bodyBytes: 1_048_576, retentionDays: 90 },
      },
    });
  });

  it("two parts may share their content by an alias", () => {
    const text = "sources:\n  a: &a { provider: gitlab, token: { current: env:A } }\n  b: *a\n";
    expect(parseConfig(text, "x.yaml")).toMatchObject({
      ok: true,
      config: { sources: [{ name: "a" }, { name: "b" }] },
    });
  });
});

describe("a mistake", () => {
  it.each(mistakes)("%s is reported with its place and what would be right", (_, right, wrong, finding) => {
    expect(whole).toContain(right);
    expect(findingsIn(whole.replace(right, wrong))).toEqual([finding]);
  });

  it.each([
    ["nothing in it", "", '1:1 it is empty; a configuration has at least "sources"'],
    ["only a comment", "# sources:\n", '1:1 it is empty; a configuration has at least "sources"'],
    ["no source", "limits: {}\n", '1:1 sources: "sources" is missing'],
    [
      "only a text",
      "sources",
      "1:1 it must be a block of keys (identity, certificateAuthorities, issuers, roles, upstreams, sources, targets, routes, orders, kong, console, otlp, limits, checks), and is a text",
    ],
    ["a list at its top", "- sources: {}\n", "1:1 it must be a block of keys, and is a list"],
    ["two documents", "sources: {}\n---\nsources: {}\n", expect.stringMatching(/^2:1 a second document begins here/)],
    [
      "an alias of a part that encloses it",
      "sources: &a\n  b: *a\n",
      "2:6 an alias cannot be inside the part it names",
    ],
    ["too many aliases", `a: &a x\nb: [${"*a, ".repeat(200)}]\n`, "2:405 its aliases stand for more than 100 parts"],
    [
      "aliases of aliases for too many parts",
      `a: &a [x, x]\nb: &b [${"*a, ".repeat(60)}]\nc: [*b, *b]\n`,
      "1:1 its aliases stand for more than 100 parts",
    ],
    ["10,000 aliases", `a: &a x\n${"b: *a\n".repeat(10_000)}`, "102:4 its aliases stand for more than 100 parts"],
    ["too many levels", "[".repeat(100_000), "1:65 it is nested more than 64 levels deep"],
  ])("a file with %s is reported with its place", (_, text, finding) => expect(findingsIn(text)).toEqual([finding]));
});

describe("a file that is indented with tabs", () => {
  it("a file that is indented with tabs has one error, with the first line and the number of lines", () => {
    const text = whole.replaceAll(/^ +/gm, (blanks) => "\t".repeat(blanks.length / 2));
    const lines = text.split("\n").filter((line) => line.startsWith("\t")).length;
    expect(findingsIn(text)).toEqual([`4:1 a tab cannot indent; use spaces (in ${lines} lines)`]);
  });
});

describe("the encoding of a file", () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "drawbridge-config-"));
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  async function load(bytes: Uint8Array) {
    const path = join(home, "drawbridge.yaml");
    await writeFile(path, bytes);
    return readConfig(path);
  }

  it.each([
    ["Latin-1", Buffer.from(`# Z\u00fcrich\n${whole}`, "latin1")],
    ["UTF-16", Buffer.from(`\ufeff${whole}`, "utf16le")],
  ])("a file in %s is rejected", async (_, bytes) => {
    await expect(load(bytes)).rejects.toMatchObject({
      code: "configuration_invalid",
      message: expect.stringMatching(/drawbridge\.yaml: the file is not UTF-8$/),
    });
  });

  it.each([
    ["without a byte order mark", whole],
    ["with a byte order mark", `\ufeff${whole}`],
  ])("a file in UTF-8 %s is loaded", async (_, text) => {
    expect(await load(Buffer.from(text))).toMatchObject({ ok: true });
  });
});

describe("several mistakes", () => {
  it("several mistakes are all reported, in the order of the file", () => {
    const text = whole
      .replace("    audience: https://bridge.example.com\n", "")
      .replace("provider: confluence", "provider: conflunce")
      .replace("runsReportedBy: prod-cluster", "runsReportedBy: nobody")
      .replace("[page.updated]", "page.updated")
      .replace("bodyBytes: 1048576", "bodyBytes: 12");
    expect(findingsIn(text).map((finding) => finding.replace(/:? .*/s, ""))).toEqual([
      "4:3",
      "9:5",
      "21:5",
      "33:7",
      "39:3",
    ]);
  });

  it.each(["target:\n", "target_s:\n", "Targets:\n"])(
    "a misspelt section is one finding, without those that follow from it: %s",
    (section) => {
      const key = section.replace(":\n", "");
      expect(findingsIn(whole.replace("targets:\n", section))).toEqual([
        `18:1 ${key}: there is no "${key}" here (did you mean "targets"?)`,
      ]);
    },
  );

  it("a mistake is one finding, without those that follow from it", () => {
    // The entry, the source and the target below exist, although they are invalid.
    const text = whole
      .replace("    issuer: https://idp.example.com\n", "")
      .replace("    provider: tekton\n", "")
      .replace("    kind: tekton\n", "");
    expect(findingsIn(text).map((finding) => finding.replace(/^\S+ /, ""))).toEqual([
      'issuers.cluster.issuer: "issuer" is missing',
      'sources.prod-cluster.provider: "provider" is missing',
      'targets.docs-listener.kind: "kind" is missing',
    ]);
  });
});

describe("any file", () => {
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(null, "", 0, [], {}, "env:X", { current: "x" }, [{ provider: "gitlab" }]),
  );

  it("loading never throws on any text", () => {
    const line = fc.constantFrom(
      "sources:",
      "  a: &a",
      "  b: *a",
      "- x",
      "\t",
      "---",
      "? [",
      "}",
      '"',
      "|",
      "!!set",
      "<<: *a",
      "%TAG",
    );
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: "binary" }),
      fc.array(line).map((lines) => lines.join("\n")),
    );
    fc.assert(fc.property(text, (it) => void expect(parseConfig(it, "x.yaml")).toHaveProperty("ok")));
  });

  it("loading never throws on any YAML", () => {
    fc.assert(fc.property(value, (it) => void expect(parseConfig(stringify(it), "x.yaml")).toHaveProperty("ok")));
  });

  it("every finding about a replaced part names a place that exists", () => {
    const lines = whole.split("\n");
    fc.assert(
      fc.property(fc.nat(lines.length - 1), value, (at, other) => {
        const text = lines.with(at, `${lines[at]?.replace(/:.*/, ":")} ${JSON.stringify(other)}`).join("\n");
        for (const finding of findingsIn(text)) {
          const [, line = ""] = /^(\d+):\d+ \S/.exec(finding) ?? [];
          expect(Number(line)).toBeGreaterThan(0);
          expect(Number(line)).toBeLessThanOrEqual(lines.length + 1);
        }
      }),
    );
  });

  it("no finding repeats a secret that was written in place of a reference", () => {
    const starts = [
      "",
      "*",
      "&",
      "!",
      "|",
      ">",
      "%",
      "$",
      "${",
      "{{ ",
      "@",
      "`",
      "'",
      '"',
      "\\",
      "{",
      "[",
      "- ",
      "#",
      "x: ",
      "!!binary ",
    ];
    const places = [
      "{ current: X }",
      "{ current: [X] }",
      "{ current: { x: X } }",
      "X",
      "[X]",
      "\n      X",
      "{ current: x: X }",
    ];
    const row = fc.record({
      start: fc.constantFrom(...starts),
      place: fc.constantFrom(...places),
      secret: fc.constantFrom("kW3canary9", "4711471147114711"),
      right: fc.constantFrom("{ current: env:WIKI_SECRET }", "{ bearer: env:WIKI_TOKEN }"),
    });
    fc.assert(
      fc.property(row, ({ start, place, secret, right }) => {
        const findings = findingsIn(whole.replace(right, () => place.replace("X", () => start + secret)));
        expect(findings.length).toBeGreaterThan(0);
        expect(findings.join("\n")).not.toContain(secret);
      }),
      propertyCases("secrets in a configuration", { weight: 5 }),
    );
  }, 300_000);
});
