import { describe, expect, it } from "vitest";
import { auditVerdict } from "../../../infra/audit.ts";
import { runtimePackages } from "../../../infra/runtime-packages.ts";
import manifest from "../../../package.json" with { type: "json" };
import { SDK } from "../../../shared/cli/mcp.ts";
import { readText } from "../../support/documents.ts";

/** Licences that ask for no more than their own text beside the code. */
const PERMISSIVE: ReadonlySet<string> = new Set([
  "0BSD",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "ISC",
  "MIT",
  "MIT-0",
]);

describe("the runtime packages", () => {
  it("every runtime package has a permissive licence", () => {
    expect(runtimePackages().filter(({ licence }) => !PERMISSIVE.has(licence))).toEqual([]);
    const names = runtimePackages().map(({ name }) => name);
    expect(Object.keys(manifest.dependencies).filter((name) => !names.includes(name))).toEqual([]);
  });
});

describe("the SDK for agents", () => {
  it("it is no runtime package, and the command and the guide name the version that is tested", () => {
    const [name, version] = ["@modelcontextprotocol/server", manifest.devDependencies["@modelcontextprotocol/server"]];
    expect(runtimePackages().map((one) => one.name)).not.toContain(name);
    expect(manifest.peerDependencies).toEqual({ [name]: version });
    expect(manifest.peerDependenciesMeta).toEqual({ [name]: { optional: true } });
    expect(SDK).toBe(`${name}@${version}`);
    expect(readText("docs/agents.md")).toContain(`npm install --no-save ${SDK}`);
  });
});

describe("the versions of Node", () => {
  it("the manifest, the README, the guides and SECURITY.md name the same versions", () => {
    expect(manifest.engines.node).toBe("^20.20.2 || ^22.22.2 || >=24.14.1");
    const said = ["README.md", "SECURITY.md", "docs/deploy.md", "docs/first-setup.md"].map((path) => [
      path,
      /Node 22\.22\.2 or 24\.14\.1/.test(readText(path).replace(/\s+/g, " ")),
    ]);
    expect(said.filter(([, isSaid]) => !isSaid)).toEqual([]);
  });
});

const reportOf = (vulnerabilities: object): string =>
  JSON.stringify({ auditReportVersion: 2, vulnerabilities, metadata: { dependencies: { prod: 67 } } });

describe("npm run audit", () => {
  it("a report without vulnerabilities is a success", () => {
    expect(auditVerdict(reportOf({}))).toEqual({
      exitCode: 0,
      text: "The 67 runtime packages have no known vulnerability.",
    });
  });

  it("a vulnerability fails, and is named with its severity and range", () => {
    const found = reportOf({
      yaml: { name: "yaml", severity: "moderate", range: "<2.2.2", via: [] },
      jose: { name: "jose", severity: "high", range: "<6.0.0", via: [] },
    });
    expect(auditVerdict(found)).toEqual({ exitCode: 1, text: "high: jose <6.0.0\nmoderate: yaml <2.2.2" });
  });

  it.each([
    [
      "the registry has no advisories",
      '{"message":"404 Not Found","error":{"summary":"","detail":""}}',
      "404 Not Found",
    ],
    ["npm did not run", "", "npm audit gave no report"],
    ["the output is of another kind", "[]", "npm audit gave no report"],
  ])("it fails in another way if %s, because then nothing is known", (_, output, why) => {
    expect(auditVerdict(output)).toEqual({
      exitCode: 2,
      text: `Nothing is known: the registry of npm has no advisories here (${why}).`,
    });
  });
});
