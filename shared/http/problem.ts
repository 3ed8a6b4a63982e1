import type { RejectionReason } from "../model/rejection.ts";
import type { RateUsage } from "../model/request.ts";

/** The response to a rejection or a fault (RFC 9457). Terse on purpose; the log carries the reason. */
export interface Problem {
  readonly status: number;
  readonly title: string;
  /** The input of an order that it is about. */
  readonly input?: string;
  /** Extra response headers. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Seconds after which a sender may retry a request that the bridge could not handle. */
const RETRY_AFTER_SECONDS = 2;

export const RETRY_AFTER = { "Retry-After": String(RETRY_AFTER_SECONDS) };

/** After a fault. A write that got no answer in time may still take effect. */
export const UNAVAILABLE: Problem = {
  status: 503,
  title: "The bridge could not finish this request; whether it was recorded is unknown",
  headers: RETRY_AFTER,
};

/** Of every response that no cache may keep. */
export const NO_CACHE = { "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff" } as const;

/** Of every response that any cache may keep. A new key of the bridge must be published for longer before it signs. */
export const PUBLIC = { ...NO_CACHE, "Cache-Control": "public, max-age=300" } as const;

export const NOT_FOUND: Problem = { status: 404, title: "There is no such path" };

/** The names are those of Kong's plugin rate-limiting, so that a caller reads one form from both. */
export const rateHeaders = ({ limit, remaining, resetSeconds }: RateUsage): Readonly<Record<string, string>> => ({
  "RateLimit-Limit": String(limit),
  "RateLimit-Remaining": String(remaining),
  "RateLimit-Reset": String(resetSeconds),
});

/** Pass `reason` only if the caller is authenticated. */
export function problemResponse(problem: Problem, requestId: string, reason?: RejectionReason): Response {
  const { status, title, input, headers } = problem;
  const type = `urn:drawbridge:problem:${status}`;
  const instance = `urn:uuid:${requestId}`;
  return new Response(
    JSON.stringify({ type, title, status, instance, ...(reason && { reason }), ...(input && { input }) }),
    {
      status,
      headers: { "Content-Type": "application/problem+json", ...NO_CACHE, ...headers },
    },
  );
}
