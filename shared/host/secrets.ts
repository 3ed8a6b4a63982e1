import * as v from "valibot";
import type { Environment } from "./environment.ts";
import { Fault } from "./fault.ts";
import { readSmallFile } from "./small-file.ts";

/** `inspect.custom` of `node:util`, by its registered name: the module itself is slow to load. */
const INSPECT: unique symbol = Symbol.for("nodejs.util.inspect.custom");

/** The value of a secret. It prints, concatenates and serialises as `[secret]`; only `reveal` returns the value. */
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

/** A secret reference: `env:NAME` or `file:path` on one machine, `secretsmanager:name#key` or `ssm:/path` in AWS. */
export const secretRef = v.pipe(
  v.string(),
  v.title("secret reference"),
  v.regex(
    /^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|secretsmanager:[^#]+(#.+)?|ssm:\/.+)$/,
    "a reference to a secret, never the secret itself: env:NAME, file:path, secretsmanager:name#key or ssm:/path",
  ),
);

/** Whether a text begins like a secret reference, whether or not the rest of it is one. */
export const looksLikeSecretRef = (text: string): boolean => /^(env|file|secretsmanager|ssm):/.test(text);

/** Two live values, so that a secret can be changed without an outage: set `next`, change the sender, drop the old one. */
export const rotatingSecret = v.pipe(
  v.strictObject({ current: secretRef, next: v.optional(secretRef) }),
  v.title("secret pair"),
);
export type RotatingSecret = v.InferOutput<typeof rotatingSecret>;

export interface LabelledSecret {
  /** Names the value in records. */
  readonly label: "current" | "next";
  readonly secret: Secret;
}

export interface Secrets {
  /** Throws `secret_unavailable` if the reference does not resolve or the value is empty. */
  read(ref: string): Promise<Secret>;
}

/**
 * Thrown if a well-formed secret has no member of this name, such as a `next` value that exists only during a rotation.
 * A malformed secret is a plain `secret_unavailable`.
 */
export class AbsentMember extends Fault {
  constructor(ref: string) {
    super("secret_unavailable", `secret ${ref}: the secret has no member of this name`, { retryable: true });
  }
}

/**
 * Returns the live values of a rotating secret, current first. A `next` without a value yet is left out.
 * Throws like {@link Secrets.read}.
 */
export async function readBoth(secrets: Secrets, pair: RotatingSecret): Promise<readonly LabelledSecret[]> {
  const current = { label: "current" as const, secret: await secrets.read(pair.current) };
  const next = pair.next === undefined ? undefined : await secrets.read(pair.next).catch(undefinedIfAbsent);
  return next === undefined ? [current] : [current, { label: "next", secret: next }];
}

function undefinedIfAbsent(error: unknown): undefined {
  if (!(error instanceof AbsentMember)) throw error;
}

/**
 * Reads `env:` and `file:` references, each once: a reload of the configuration makes a new object. One line break at
 * the end of a file is not part of the secret.
 */
export class LocalSecrets implements Secrets {
  readonly #environment: Environment;
  readonly #cache = new Map<string, Promise<Secret>>();

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  read(ref: string): Promise<Secret> {
    const cached = this.#cache.get(ref);
    if (cached) return cached;
    const secret = this.#resolve(ref);
    this.#cache.set(ref, secret);
    // A failure is not cached: the file may exist a moment later.
    secret.catch(() => this.#cache.delete(ref));
    return secret;
  }

  async #resolve(ref: string): Promise<Secret> {
    const { kind, rest } = partsOf(ref);
    if (kind === "env") return secretIn(ref, this.#environment[rest]);
    if (kind !== "file") throw unavailable(ref, "this kind of reference works only in AWS");
    const bytes = await readSmallFile(rest).catch((cause: Error) => {
      throw unavailable(ref, cause.message, cause);
    });
    return secretIn(ref, withoutLastBreak(Buffer.from(bytes).toString("utf8")));
  }
}

/** Splits a reference into its kind and the rest after the colon. */
export function partsOf(ref: string): { readonly kind: string; readonly rest: string } {
  const colon = ref.indexOf(":");
  return { kind: ref.slice(0, colon), rest: ref.slice(colon + 1) };
}

/** Wraps the value of a reference as a secret. Throws `secret_unavailable` if it is undefined or empty. */
export function secretIn(ref: string, value: string | undefined): Secret {
  if (value === undefined || value === "") throw unavailable(ref, "it is not set, or empty");
  return new Secret(value);
}

/** Removes one line break at the end of a text, which an editor adds and which is not part of the secret. */
export const withoutLastBreak = (text: string): string => text.replace(/\r?\n$/, "");

export function unavailable(ref: string, why: string, cause?: unknown): Fault {
  return new Fault("secret_unavailable", `secret ${ref}: ${why}`, { retryable: true, cause });
}
