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

/** Gives the value at a reference without its kind; nothing where that names a member of a secret that has none such. */
type ReadStored = (reference: string) => Promise<string | undefined>;

/** How long a value is used before it is asked for again, in seconds: a changed secret needs no deployment. */
const MAX_AGE = { maxAge: 300 } as const;

/** By kind of reference. Each service's client is a file of its own in the bundle, loaded with the first reference to it. */
const SERVICES: Readonly<Record<string, () => Promise<ReadStored>>> = {
  secretsmanager: async () => (await import("./secrets-manager.ts")).secretsManager(MAX_AGE),
  ssm: async () => (await import("./parameter-store.ts")).parameterStore(MAX_AGE),
};

/**
 * Secrets as functions in AWS have them: `secretsmanager:name`, `secretsmanager:name#key`, `ssm:/path` and `env:NAME`. One
 * line break at the end, as a file has it that was uploaded, is not part of the secret.
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
    if (service === undefined) throw unavailable(ref, "this kind of reference is not read in AWS");
    const reader = this.#readers.get(kind) ?? service();
    this.#readers.set(kind, reader);
    try {
      return await (await reader)(rest);
    } catch (cause) {
      throw unavailable(ref, "it could not be read", cause);
    }
  }
}
