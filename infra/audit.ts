import { spawnSync } from "node:child_process";
import { argv, stderr, stdout } from "node:process";
import { fileURLToPath } from "node:url";
import * as v from "valibot";

const EXIT = { clean: 0, vulnerable: 1, unknown: 2 } as const;

export interface AuditVerdict {
  readonly exitCode: (typeof EXIT)[keyof typeof EXIT];
  readonly text: string;
}

/** The report of `npm audit --json`, as far as it is shown: https://docs.npmjs.com/cli/commands/npm-audit. */
const report = v.object({
  vulnerabilities: v.record(v.string(), v.object({ severity: v.string(), range: v.string() })),
  metadata: v.object({ dependencies: v.object({ prod: v.number() }) }),
});

/**
 * What a report of `npm audit` says about the runtime packages. Without advisories nothing is known, which is no success:
 * not every registry has an audit endpoint.
 */
export function auditVerdict(output: string): AuditVerdict {
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), report), output);
  if (!read.success) {
    const why = v.safeParse(v.pipe(v.string(), v.parseJson(), v.object({ message: v.string() })), output);
    const reason = why.success ? why.output.message : "npm audit gave no report";
    return {
      exitCode: EXIT.unknown,
      text: `Nothing is known: the registry of npm has no advisories here (${reason}).`,
    };
  }
  const { vulnerabilities, metadata } = read.output;
  const found = Object.entries(vulnerabilities).map(([name, { severity, range }]) => `${severity}: ${name} ${range}`);
  if (found.length > 0) return { exitCode: EXIT.vulnerable, text: found.sort().join("\n") };
  return {
    exitCode: EXIT.clean,
    text: `The ${metadata.dependencies.prod} runtime packages have no known vulnerability.`,
  };
}

/** `npm run audit`. */
function main(): void {
  const options = ["audit", "--omit=dev", "--package-lock-only", "--json"];
  const { stdout: output } = spawnSync("npm", options, { encoding: "utf8", timeout: 120_000 });
  const { exitCode, text } = auditVerdict(output);
  (exitCode === EXIT.clean ? stdout : stderr).write(`${text}\n`);
  process.exitCode = exitCode;
}

if (argv[1] === fileURLToPath(import.meta.url)) main();
