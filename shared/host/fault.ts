/**
 * Something that went wrong on our side or downstream. Callers decide by `code` and `retryable`, never by the message.
 * A refusal is not a fault: it is returned as a {@link Rejection}.
 */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly code: FaultCode;
  readonly retryable: boolean;
  /** What the other side asked us to wait, if it said so. */
  readonly retryAfterSeconds: number | undefined;

  constructor(code: FaultCode, message: string, options: FaultOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

export type FaultCode =
  /** The store did not take or give a record. */
  | "store_unavailable"
  /** The bus did not take a published entry. */
  | "bus_unavailable"
  /** An issuer's keys could not be had, or are unusable. */
  | "keys_unavailable"
  /** No connection was made, or it was refused: the other side did nothing. */
  | "target_unreachable"
  /** The request went out and no complete answer came back: what the other side did is unknown. */
  | "target_timeout"
  /** The answer was larger than we read. */
  | "target_answer_too_large"
  /** A command's bridge answered, and not with what the command asks for. */
  | "bridge_refused"
  /** A command's bridge does not accept its token, or the token earns no role for this. */
  | "not_allowed"
  /** The command line is wrong; nothing was called. */
  | "usage_invalid"
  /** A secret reference does not resolve. */
  | "secret_unavailable"
  /** A token for a target could not be had. */
  | "token_unavailable"
  /** The configuration cannot be used. */
  | "configuration_invalid"
  /** A stored record cannot be read back. */
  | "record_unreadable";

/**
 * What a log line may say of something caught: a fault's code, else the error's class. Never its message, which may quote
 * anything.
 */
export function kindOf(error: unknown): string {
  if (error instanceof Fault) return error.code;
  return error instanceof Error ? error.name : "unknown";
}

/**
 * What went wrong and what lay behind it, for the log. A Fault's message names what is configured, hosts and statuses, and
 * quotes nothing that came from outside; of any other cause nothing is told.
 */
function whyOf({ message, cause }: Fault): string {
  return cause instanceof Fault ? `${message}: ${whyOf(cause)}` : message;
}

/**
 * What the log's line about a failed request says of it: a fault's code and words, else the error's class and where in our
 * code it came from.
 */
export const failureOf = (error: Error): Readonly<Record<string, string | undefined>> =>
  error instanceof Fault ? { fault: error.code, why: whyOf(error) } : { error: error.name, at: originOf(error) };

/** The message is left out: it may quote anything. */
const originOf = ({ stack }: Error): string | undefined =>
  stack
    ?.split("\n")
    .find((line) => line.startsWith("    at "))
    ?.trim();

interface FaultOptions {
  readonly retryable: boolean;
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}
