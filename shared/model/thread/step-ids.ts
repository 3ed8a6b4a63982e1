import { sha256Hex } from "../idempotency-keys.ts";

/** The id of the step of a route. */
export const routeSpanId = (
  delivery: string,
  { route, event }: { readonly route: string; readonly event?: string | undefined },
): string => `${event ?? delivery} ${route}`;

/** The id of an attempt, below the step of its route. */
export const attemptSpanId = (route: string, attempt: number): string => `${route} attempt ${attempt}`;

export const approvalSpanId = (approval: string): string => `approval ${approval}`;

/**
 * The id of the span of a step in OpenTelemetry, 16 hexadecimal digits. It depends on nothing but what the step is about, so
 * a step that is exported again is the same span, and a request of an attempt can name its span before that exists.
 */
export const spanIdOfStep = (step: string): string => sha256Hex(`span ${step}`).slice(0, 16);
