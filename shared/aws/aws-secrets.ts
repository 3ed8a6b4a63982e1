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
import type { SecretCacheDeps } from "./secret-cache.ts";

/** Reads a reference without its kind. Undefined if it names a member that the secret does not have. */
type ReadStored = (reference: string) => Promise<string | undefined>;

type Open = (environment: Environment, deps: SecretCacheDeps) => Promise<ReadStored>;

/** By kind of reference. Each client is a separate file in the bundle and is loaded at the first reference of its kind. */
const SERVICES: Readonly<Record<string, Open>> = {
  secretsmanager: async (_, deps) => (await import("./secrets-manager.ts")).secretsManager(deps),
  ssm: async ({ PARAMETERS }, deps) =>
    (await import("./parameter-store.ts")).parameterStore(PARAMETERS?.split(",") ?? [], deps),
};

/**
 * Reads secrets in AWS: `secretsmanager:name`, `secretsmanager:name#key`, `ssm:/path` and `env:NAME`. One line break at
 * the end, which an uploaded file has, is not part of the secret.
 */
export class AwsSecrets implements Secrets {
  readonly #environment: Environment;
  readonly #deps: SecretCacheDeps;
  readonly #readers = new Map<string, Promise<ReadStored>>();

  /** `PARAMETERS` of the environment: the paths of the function's parameters, separated by commas. */
  constructor(environment: Environment, deps: SecretCacheDeps) {
    this.#environment = environment;
    this.#deps = deps;
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
    const reader = this.#readers.get(kind) ?? service(this.#environment, this.#deps);
    this.#readers.set(kind, reader);
    try {
      return await (await reader)(rest);
    } catch (cause) {
      throw unavailable(ref, "it could not be read", cause);
    }
  }
}
