import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { Fault } from "./fault.ts";

/** `inspect.custom` of `node:util`, by the name that it is registered under: that module takes its time to load. */
const INSPECT: unique symbol = Symbol.for("nodejs.util.inspect.custom");

/** A secret's value. Shows as `[secret]` wherever it is printed, joined or serialised; only `reveal` gives it out. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [INSPECT](): string {
    return "[secret]";
  }
}

/** Where a secret is kept: `env:NAME` or `file:path` on one machine, `secretsmanager:name#key` or `ssm:/path` in AWS. */
export const secretRef = v.pipe(
  v.string(),
  v.regex(
    /^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|secretsmanager:[^#]+(#.+)?|ssm:\/.+)$/,
    "a reference to a secret, never the secret itself: env:NAME, file:path, secretsmanager:name#key or ssm:/path",
  ),
);

/** Two live values, so that a secret can be changed without an outage: set `next`, change the sender, drop the old one. */
export const rotatingSecret = v.strictObject({ current: secretRef, next: v.optional(secretRef) });
export type RotatingSecret = v.InferOutput<typeof rotatingSecret>;

export interface LabelledSecret {
  /** Which of the two: what a record may name. */
  readonly label: "current" | "next";
  readonly secret: Secret;
}

export interface Secrets {
  /** Throws `secret_unavailable` when the reference does not resolve or the value is empty: there is no empty secret. */
  read(ref: string): Promise<Secret>;
}

/** The live values of a rotating secret, current first. Throws as {@link Secrets.read} does. */
export async function readBoth(secrets: Secrets, pair: RotatingSecret): Promise<readonly LabelledSecret[]> {
  const current = { label: "current" as const, secret: await secrets.read(pair.current) };
  if (pair.next === undefined) return [current];
  return [current, { label: "next", secret: await secrets.read(pair.next) }];
}

/**
 * Reads `env:` and `file:` references, each once: a changed value is picked up by a restart. One line break at the end
 * of a file is not part of the secret.
 */
export class LocalSecrets implements Secrets {
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #read = new Map<string, Promise<Secret>>();

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.#environment = environment;
  }

  read(ref: string): Promise<Secret> {
    const known = this.#read.get(ref);
    if (known) return known;
    const reading = this.#resolve(ref);
    this.#read.set(ref, reading);
    // A failure is not remembered: the file may be there a moment later.
    reading.catch(() => this.#read.delete(ref));
    return reading;
  }

  async #resolve(ref: string): Promise<Secret> {
    const value = await this.#value(ref);
    if (value === undefined || value === "") throw unavailable(ref, "it is not set, or empty");
    return new Secret(value);
  }

  async #value(ref: string): Promise<string | undefined> {
    const [kind, rest] = [ref.slice(0, ref.indexOf(":")), ref.slice(ref.indexOf(":") + 1)];
    if (kind === "env") return this.#environment[rest];
    if (kind !== "file") throw unavailable(ref, "this kind of reference is read only in AWS");
    try {
      return (await readFile(rest, "utf8")).replace(/\r?\n$/, "");
    } catch (cause) {
      throw unavailable(ref, "the file cannot be read", cause);
    }
  }
}

function unavailable(ref: string, why: string, cause?: unknown): Fault {
  return new Fault("secret_unavailable", `secret ${ref}: ${why}`, { retryable: true, cause });
}
