import { readFile } from "node:fs/promises";
import * as v from "valibot";
import type { Environment } from "./environment.ts";
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

/** A secret that is well and has no member of this name: a second value that comes and goes. Anything else is malformed. */
export class AbsentMember extends Fault {
  constructor(ref: string) {
    super("secret_unavailable", `secret ${ref}: it has no such member`, { retryable: true });
  }
}

/**
 * The live values of a rotating secret, current first; a `next` that is not there yet is none.
 * Throws as {@link Secrets.read} does.
 */
export async function readBoth(secrets: Secrets, pair: RotatingSecret): Promise<readonly LabelledSecret[]> {
  const current = { label: "current" as const, secret: await secrets.read(pair.current) };
  const next = pair.next === undefined ? undefined : await secrets.read(pair.next).catch(orNone);
  return next === undefined ? [current] : [current, { label: "next", secret: next }];
}

function orNone(error: unknown): undefined {
  if (!(error instanceof AbsentMember)) throw error;
}

/**
 * Reads `env:` and `file:` references, each once: a changed value is picked up by a restart. One line break at the end
 * of a file is not part of the secret.
 */
export class LocalSecrets implements Secrets {
  readonly #environment: Environment;
  readonly #read = new Map<string, Promise<Secret>>();

  constructor(environment: Environment) {
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
    const { kind, rest } = partsOf(ref);
    if (kind === "env") return secretIn(ref, this.#environment[rest]);
    if (kind !== "file") throw unavailable(ref, "this kind of reference is read only in AWS");
    const text = await readFile(rest, "utf8").catch((cause: unknown) => {
      throw unavailable(ref, "the file cannot be read", cause);
    });
    return secretIn(ref, withoutLastBreak(text));
  }
}

/** A reference's kind, and what stands behind it. */
export function partsOf(ref: string): { readonly kind: string; readonly rest: string } {
  const colon = ref.indexOf(":");
  return { kind: ref.slice(0, colon), rest: ref.slice(colon + 1) };
}

/** What a reference led to, as a secret. Throws `secret_unavailable` where there is nothing. */
export function secretIn(ref: string, value: string | undefined): Secret {
  if (value === undefined || value === "") throw unavailable(ref, "it is not set, or empty");
  return new Secret(value);
}

/** One line break at a text's end, as an editor leaves it, is not part of the secret. */
export const withoutLastBreak = (text: string): string => text.replace(/\r?\n$/, "");

export function unavailable(ref: string, why: string, cause?: unknown): Fault {
  return new Fault("secret_unavailable", `secret ${ref}: ${why}`, { retryable: true, cause });
}
