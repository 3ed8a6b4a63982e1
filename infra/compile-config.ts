import { checkConfig } from "../shared/config/check.ts";
import type { ConfigProblem } from "../shared/config/explain.ts";
import { type ConfigFinding, findingOf, readConfig, showFinding } from "../shared/config/load.ts";
import { membersOf, refsIn } from "../shared/config/references.ts";
import type { Config } from "../shared/config/schema.ts";
import type { Path } from "../shared/config/yaml-file.ts";
import { Fault } from "../shared/host/fault.ts";
import { Secret, type Secrets } from "../shared/host/secrets.ts";

export interface CompiledConfig {
  readonly config: Config;
  /** The parsed file, which is compiled into the bundles. */
  readonly value: unknown;
  readonly warnings: readonly string[];
}

/**
 * Reads and checks `drawbridge.yaml` for AWS. Throws `configuration_invalid` with every error, and with everything that
 * only works on one machine.
 */
export async function compileConfig(path: string): Promise<CompiledConfig> {
  const findings = await checkConfig(path, awsReferences);
  const loaded = await readConfig(path);
  if (!loaded.ok) throw invalid(loaded.findings);
  const { config, file } = loaded;
  const problems = [
    ...collector(config),
    ...authorityFiles(config),
    ...keyFiles(config),
    ...signingKeys(config),
    ...nulls(config),
    ...longPatterns(config),
  ];
  const errors = [
    ...findings.filter(({ level }) => level === "error"),
    ...problems.map((problem) => findingOf("error", problem, { path, file })),
  ];
  if (errors.length > 0) throw invalid(errors);
  return {
    config,
    value: file.value,
    warnings: findings.filter(({ level }) => level === "warning").map(showFinding),
  };
}

/** The references to secrets in `settings`, each once. */
export const awsSecretRefs = (settings: readonly object[]): readonly string[] => [
  ...new Set(settings.flatMap((one) => refsIn(one, [])).map(([, ref]) => ref)),
];

const isAwsReference = (ref: string): boolean => /^(secretsmanager|ssm):/.test(ref);

const ONE_MACHINE = "read on one machine only; in AWS use secretsmanager:name#key or ssm:/path";

/** Accepts references that AWS can resolve, and reads none of them: that needs credentials. */
const awsReferences: Secrets = {
  read: (ref) =>
    isAwsReference(ref)
      ? Promise.resolve(new Secret("not read"))
      : Promise.reject(new Fault("secret_unavailable", `secret ${ref}: ${ONE_MACHINE}`, { retryable: false })),
};

/** No function of the stack sees all that becomes of a delivery. */
const collector = ({ otlp }: Config): readonly ConfigProblem[] =>
  otlp === undefined
    ? []
    : [
        {
          path: ["otlp"],
          message: "threads are exported on one machine only; for AWS remove it, and see `drawbridge events thread`",
        },
      ];

const authorityFiles = ({ certificateAuthorities }: Config): readonly ConfigProblem[] =>
  Object.entries(certificateAuthorities)
    .filter(([, { file }]) => file !== undefined)
    .map(([name]) => ({
      path: ["certificateAuthorities", name, "file"],
      message: "a file is read on one machine only; in AWS use inline",
    }));

function keyFiles({ issuers }: Config): readonly ConfigProblem[] {
  return Object.entries(issuers)
    .filter(([, { jwks }]) => jwks !== undefined && "file" in jwks)
    .map(([name]) => ({
      path: ["issuers", name, "jwks", "file"],
      message: "a key file is read on one machine only; in AWS use url or inline",
    }));
}

/** Only the signing keys: `checkConfig` reads the secrets of sources and targets. */
function signingKeys({ identity }: Config): readonly ConfigProblem[] {
  return refsIn(identity?.keys ?? [], ["identity", "keys"])
    .filter(([, ref]) => !isAwsReference(ref))
    .map(([path]) => ({ path, message: `${ONE_MACHINE}, kms:<key id>, or no keys at all` }));
}

/** CloudFormation rejects a template that contains null anywhere. No published event has a null to match. */
function nulls({ routes }: Config): readonly ConfigProblem[] {
  return routes
    .flatMap(({ name, when }) => nullsIn(when, ["routes", name, "when"]))
    .map((path) => ({ path, message: "CloudFormation accepts no null in a pattern" }));
}

function nullsIn(value: unknown, path: Path): readonly Path[] {
  if (value === null) return [path];
  if (typeof value !== "object") return [];
  return membersOf(value).flatMap(([member, below]) => nullsIn(below, [...path, member]));
}

/** Maximum length in characters of a rule's pattern (EventBridge user guide, quotas). The in-process bus has no limit. */
const MAX_PATTERN = 2_048;

function longPatterns({ routes }: Config): readonly ConfigProblem[] {
  return routes.flatMap(({ name, when }) => {
    const { length } = JSON.stringify(when);
    const message = `the pattern has ${length} characters as JSON, and a rule of EventBridge accepts ${MAX_PATTERN}`;
    return length > MAX_PATTERN ? [{ path: ["routes", name, "when"], message }] : [];
  });
}

const invalid = (errors: readonly ConfigFinding[]): Fault =>
  new Fault("configuration_invalid", errors.map(showFinding).join("\n"), { retryable: false });
