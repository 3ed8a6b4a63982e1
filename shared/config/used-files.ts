import { partsOf } from "../host/secrets.ts";
import { refsIn } from "./references.ts";
import type { Config } from "./schema.ts";

/** Returns the references to secrets in a configuration. */
const refsOf = ({ identity, sources, targets, console, otlp }: Config) =>
  refsIn({ identity, sources, targets, console, otlp }, []).map(([, ref]) => partsOf(ref));

/** Returns the paths of the files of a configuration: secrets, certificate authorities and sets of public keys. */
export const usedFiles = (config: Config): readonly string[] => [
  ...refsOf(config).flatMap(({ kind, rest }) => (kind === "file" ? [rest] : [])),
  ...Object.values(config.certificateAuthorities).flatMap(({ file }) => file ?? []),
  ...Object.values(config.issuers).flatMap(({ jwks }) => (jwks && "file" in jwks ? [jwks.file] : [])),
];

/** Returns the names of the environment variables that a configuration refers to. */
export const usedVariables = (config: Config): readonly string[] =>
  refsOf(config).flatMap(({ kind, rest }) => (kind === "env" ? [rest] : []));
