import { describe, expect, it } from "vitest";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { secretsOf } from "../../support/test-doubles.ts";
import { whole } from "./files.ts";

/** Names of members of every object, as a person or another program may choose them. */
const NAMES = ["toString", "valueOf", "isPrototypeOf", "hasOwnProperty"];
const ORDINARY = "ordinaryName";

/** The replaced part of a configuration, with the name in place of `?`. */
const PLACES: readonly (readonly [string, string, string])[] = [
  ["a param of a run", "target: docs-listener }", "target: docs-listener, params: { ?: $.detail.page.id } }"],
  ["a label of a run", "target: docs-listener }", "target: docs-listener, run: { labels: { ?: x } } }"],
  ["a workspace", "target: docs-listener }", "target: docs-listener, run: { workspaces: { ?: { emptyDir: {} } } } }"],
  ["a step of a path", "target: docs-listener }", "target: docs-listener, params: { page: $.detail.? } }"],
  ["a field", "detail-type: [page.updated]", "?: [x]"],
  ["a field that exists", "detail-type: [page.updated]", "?: [{ exists: true }]"],
  ["a field of detail", "detail-type: [page.updated]", "detail: { ?: [x] }"],
  ["a field with fields", "detail-type: [page.updated]", "detail: { ?: { ?: [x] } }"],
  ["a type of event", "detail-type: [page.updated]", "detail-type: [?]"],
  ["a source of events", "detail-type: [page.updated]", "source: [?]"],
  ["a target", "target: docs-listener", "target: ?"],
  ["an action", "tekton: { target", "?: { target"],
  ["a kind of target", "kind: tekton", "kind: ?"],
  ["a provider", "provider: tekton", "provider: ?"],
  ["an issuer", "trust: cluster", "trust: ?"],
  ["a source of runs", "runsReportedBy: prod-cluster", "runsReportedBy: ?"],
  ["an account", "    site: https://wiki", "    people: { ?: { roles: [] } }\n    site: https://wiki"],
  ["a role", "    audience:", "    roles: [{ role: ?, when: [{ path: sub, equals: x }] }]\n    audience:"],
  ["a preset", "    audience:", "    preset: ?\n    audience:"],
  ["a claim", "    audience:", "    claims: [{ path: ?, equals: x }]\n    audience:"],
  ["a check", "limits:", "checks: { ignore: [{ id: ?, at: routes, because: it is a test }] }\nlimits:"],
  ["a section", "limits:", "?: {}\nlimits:"],
  ["a key of a section", "  retentionDays:", "  ?: 1\n  retentionDays:"],
];

describe("a name that every object has a member of", () => {
  it.each(PLACES)("%s with such a name has the findings of any other name", async (_, part, replacement) => {
    expect(whole).toContain(part);
    const findings = async (name: string): Promise<readonly string[]> => {
      const text = whole.replace(part, () => replacement.replaceAll("?", name));
      const found = await checkLoaded(parseConfig(text, "x.yaml"), "x.yaml", secretsOf({}));
      // The column depends on the length of the name.
      return found.map(({ message }) => message.replaceAll(name, ORDINARY).replace(/^x.yaml:(\d+):\d+/, "$1"));
    };
    const expected = await findings(ORDINARY);
    for (const name of NAMES) expect(await findings(name)).toEqual(expected);
  });
});
