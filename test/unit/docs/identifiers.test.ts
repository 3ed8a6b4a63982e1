import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { handWritten, pages } from "../../../docs/generated-blocks.ts";
import { codeIn, readText } from "../../support/documents.ts";

/** Names that a page may use although no source has them, by the product that they belong to. */
const FOREIGN: Readonly<Record<string, readonly string[]>> = {
  "Atlassian Forge": ["appSystemToken", "ignoreSelf"],
  Buildkite: ["prefix_pull_request_fork_branch_names"],
  AWS: ["CDKToolkit", "RULE_ARN"],
  GitLab: ["push_event_hooks_limit", "read_api", "signing_token_present"],
  Keycloak: ["protocolMappers"],
  "Microsoft Entra ID": ["accessTokenAcceptedVersion", "requestedAccessTokenVersion"],
  Okta: ["authorizationServers"],
  systemd: ["EnvironmentFile", "WorkingDirectory"],
};

const SOURCES: readonly string[] = ["shared", "functions", "infra", "test"].flatMap((folder) =>
  readdirSync(new URL(`../../../${folder}`, import.meta.url), { recursive: true, encoding: "utf8" })
    .filter((path) => /\.(ts|json|body)$/.test(path) && !import.meta.url.endsWith(`${folder}/${path}`))
    .map((path) => `${folder}/${path}`),
);

const withoutComments = (code: string): string => code.replace(/^\s*(\/\*\*?|\*|\/\/).*$/gm, "");

/** A name with a wildcard, such as `job_project_*`, is left out. */
const wordsIn = (text: string): readonly string[] => text.match(/[A-Za-z_]\w*(?![\w*])/g) ?? [];

/** True for `camelCase`, `PascalCase`, `snake_case` and `CONSTANT_CASE`; false for a plain word. */
const isIdentifier = (word: string): boolean => /[a-z\d][A-Z]|[A-Z]{2}[a-z]|\w_\w/.test(word);

/** Identifiers in backticks in what people write in a page, code blocks left out. */
const identifiersIn = (page: string): readonly string[] =>
  codeIn(handWritten(page).replace(/^ *```.*?^ *```$/gms, ""))
    .flatMap(wordsIn)
    .filter(isIdentifier);

describe("identifiers in backticks", () => {
  const sources = new Set(SOURCES.flatMap((path) => wordsIn(withoutComments(readText(path)))));
  const foreign = Object.values(FOREIGN).flat();

  it.each(pages())("of %s exist in the sources", (path) => {
    // The code makes the names of metrics from others, and `monitoring.test.ts` compares them.
    const known = (name: string): boolean =>
      sources.has(name) || foreign.includes(name) || name.startsWith("drawbridge_");
    expect(identifiersIn(readText(path)).filter((name) => !known(name))).toEqual([]);
  });

  it("of other products are listed only while a page uses them and no source has them", () => {
    const used = new Set(pages().flatMap((path) => identifiersIn(readText(path))));
    expect(foreign.filter((name) => !used.has(name) || sources.has(name))).toEqual([]);
  });
});
