/**
 * Limits of every call to AWS. All attempts together stay below ten seconds, which GitLab waits and which is the shortest
 * timeout of the senders. Without the limits, a call that hangs would block a function until its timeout.
 */
export const CALL_LIMITS = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_000, throwOnRequestTimeout: true },
} as const;
