import { Fault } from "../host/fault.ts";
import { AbsentMember, Secret, type Secrets } from "../host/secrets.ts";

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
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #readers = new Map<string, Promise<ReadStored>>();

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.#environment = environment;
  }

  async read(ref: string): Promise<Secret> {
    const stored = await this.#value(ref);
    if (stored === undefined) throw new AbsentMember(ref);
    const value = stored.replace(/\r?\n$/, "");
    if (value === "") throw unavailable(ref, "it is not set, or empty");
    return new Secret(value);
  }

  async #value(ref: string): Promise<string | undefined> {
    const [kind, rest] = [ref.slice(0, ref.indexOf(":")), ref.slice(ref.indexOf(":") + 1)];
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

function unavailable(ref: string, why: string, cause?: unknown): Fault {
  return new Fault("secret_unavailable", `secret ${ref}: ${why}`, { retryable: true, cause });
}
