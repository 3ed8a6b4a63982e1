import type { Environment } from "../host/environment.ts";
import {
  AbsentMember,
  partsOf,
  type Secret,
  type Secrets,
  secretIn,
  unavailable,
  withoutLastBreak,
} from "../host/secrets.ts";

/** Reads a reference without its kind. Undefined if it names a member that the secret does not have. */
type ReadStored = (reference: string) => Promise<string | undefined>;

/** How long a value is cached, in seconds. A changed secret needs no deployment. */
const MAX_AGE = { maxAge: 300 } as const;

/** By kind of reference. Each client is a separate file in the bundle and is loaded at the first reference of its kind. */
const SERVICES: Readonly<Record<string, () => Promise<ReadStored>>> = {
  secretsmanager: async () => (await import("./secrets-manager.ts")).secretsManager(MAX_AGE),
  ssm: async () => (await import("./parameter-store.ts")).parameterStore(MAX_AGE),
};

/**
 * Reads secrets in AWS: `secretsmanager:name`, `secretsmanager:name#key`, `ssm:/path` and `env:NAME`. One line break at
 * the end, which an uploaded file has, is not part of the secret.
 */
export class AwsSecrets implements Secrets {
  readonly #environment: Environment;
  readonly #readers = new Map<string, Promise<ReadStored>>();

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  async read(ref: string): Promise<Secret> {
    const stored = await this.#value(ref);
    if (stored === undefined) throw new AbsentMember(ref);
    return secretIn(ref, withoutLastBreak(stored));
  }

  async #value(ref: string): Promise<string | undefined> {
    const { kind, rest } = partsOf(ref);
    if (kind === "env") return this.#environment[rest] ?? "";
    const service = SERVICES[kind];
    if (service === undefined) throw unavailable(ref, "this kind of reference is not supported in AWS");
    const reader = this.#readers.get(kind) ?? service();
    this.#readers.set(kind, reader);
    try {
      return await (await reader)(rest);
    } catch (cause) {
      throw unavailable(ref, "it could not be read", cause);
    }
  }
}
