/**
 * A failure on our side or downstream. Callers decide by `code` and `retryable`, never by the message.
 * A rejection is not a fault: it is returned as a {@link Rejection}.
 */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly code: FaultCode;
  readonly retryable: boolean;
  /** The wait that the other side asked for; undefined if it asked for none. */
  readonly retryAfterSeconds: number | undefined;

  constructor(code: FaultCode, message: string, options: FaultOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

export type FaultCode =
  /** The store could not write or read a record. */
  | "store_unavailable"
  /** A request could not be handled before its sender gives up: whether it was recorded is unknown. */
  | "deadline_exceeded"
  /** The file of the store is damaged, so that no later call can succeed. */
  | "store_damaged"
  /** The bus did not accept a published event. */
  | "bus_unavailable"
  /** An issuer's keys could not be loaded, or are unusable. */
  | "keys_unavailable"
  /** No connection was made: the other side did nothing. */
  | "target_unreachable"
  /** The request may have been sent and no complete response arrived: what the other side did is unknown. */
  | "target_timeout"
  /** The response is longer than the limit. */
  | "target_answer_too_large"
  /** The bridge, or the Kong, that a command called responded, but not with what the command requires. */
  | "bridge_refused"
  /** A command's bridge does not accept its token, or the token earns no role for this. */
  | "not_allowed"
  /** The command line is wrong; nothing was called. */
  | "usage_invalid"
  /** A secret reference does not resolve. */
  | "secret_unavailable"
  /** A token for a target could not be obtained. */
  | "token_unavailable"
  /** The configuration cannot be used. */
  | "configuration_invalid"
  /** A stored record cannot be read back. */
  | "record_unreadable";

/**
 * Returns the part of a caught error that is safe to log: the code of a fault, else the class of the error. Never the
 * message, which may quote anything.
 */
export function kindOf(error: unknown): string {
  if (error instanceof Fault) return error.code;
  return error instanceof Error ? error.name : "unknown";
}

/**
 * Returns the messages of a fault and of the faults that caused it, for the log. The message of a Fault names
 * configured things, hosts and statuses, and quotes no outside input. Any other cause is left out.
 */
function explain({ message, cause }: Fault): string {
  return cause instanceof Fault ? `${message}: ${explain(cause)}` : message;
}

/**
 * Returns the log fields of a failed request: the code and message of a fault, else the class of the error and the
 * place in our code that threw it.
 */
export const failureOf = (error: Error): Readonly<Record<string, string | undefined>> =>
  error instanceof Fault ? { fault: error.code, why: explain(error) } : { error: error.name, at: originOf(error) };

/** Returns the first frame of the stack. The message before it may quote anything. */
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
