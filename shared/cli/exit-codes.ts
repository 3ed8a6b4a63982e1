import { Fault, type FaultCode } from "../host/fault.ts";

export const EXIT = {
  done: 0,
  refused: 1,
  usage: 2,
  unreachable: 3,
  notAllowed: 4,
  cutOff: 5,
  damaged: 6,
  unknown: 7,
  unsuccessful: 8,
  unseen: 9,
  // 128 and the number of the signal, as for a process that the signal ended.
  SIGINT: 130,
  SIGPIPE: 141,
  SIGTERM: 143,
} as const;

/** The meanings of the exit codes, for the help text. A test compares them with `docs/operations.md`. */
export const EXIT_CODES: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT.done, "done"],
  [EXIT.refused, "findings, or the request was refused"],
  [EXIT.usage, "the command line is wrong; nothing was called"],
  [EXIT.unreachable, "the bridge or the issuer cannot be reached, or cannot answer now"],
  [EXIT.notAllowed, "not allowed: no valid token, or no role for this (401, 403)"],
  [EXIT.cutOff, "start: stopped at its deadline; the work that was cut off continues at the next start"],
  [EXIT.damaged, "the store's file is damaged: restore a backup"],
  [EXIT.unknown, "status: nothing is known to be wrong, and not everything is known to be well"],
  [EXIT.unsuccessful, "--wait: not everything ran and succeeded, or was granted"],
  [EXIT.unseen, "run --wait: placed, and its end is not known"],
  [EXIT.SIGINT, "SIGINT ended it; start: a second signal, at once"],
  [EXIT.SIGPIPE, "the reader of the output ended before the output did, as `head` does"],
  [EXIT.SIGTERM, "SIGTERM ended it; start: a second signal, at once"],
];

const CODES: Partial<Record<FaultCode, number>> = {
  usage_invalid: EXIT.usage,
  target_unreachable: EXIT.unreachable,
  target_timeout: EXIT.unreachable,
  token_unavailable: EXIT.unreachable,
  keys_unavailable: EXIT.unreachable,
  not_allowed: EXIT.notAllowed,
  store_damaged: EXIT.damaged,
};

/** The exit code of a failed command. */
export const exitCodeOf = (error: unknown): number =>
  (error instanceof Fault ? CODES[error.code] : undefined) ?? EXIT.refused;

/** The exit code for the status of a response. */
export function exitCodeOfStatus(status: number): number {
  if (status < 300) return EXIT.done;
  if (status === 401 || status === 403) return EXIT.notAllowed;
  return [502, 503, 504].includes(status) ? EXIT.unreachable : EXIT.refused;
}
