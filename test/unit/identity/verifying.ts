import type { CallOut } from "../../../shared/host/call-out.ts";
import type { PresentedToken, TokenRequest } from "../../../shared/identity/presented-token.ts";
import type { TrustEntry } from "../../../shared/identity/trust-entry.ts";
import { createTokenVerifier } from "../../../shared/identity/verify-token.ts";
import { bindingDeps, testClock } from "../../support/test-doubles.ts";

const noAnswer: CallOut = async ({ url }) => {
  throw new Error(`${url.host} does not answer in this test`);
};

/** A request with nothing but headers. */
export const requestWith = (headers: Record<string, string> | Headers): TokenRequest => ({
  method: "POST",
  url: new URL("https://bridge.example.test/webhooks/ci"),
  headers: new Headers(headers),
  body: new Uint8Array(),
  receivedAt: testClock().now(),
});

/** A token as a plain bearer request presents it. */
export const presented = (token: string): PresentedToken => ({ scheme: "bearer", token, request: requestWith({}) });

/**
 * Verifies against the entries of `entries` that the source names: all, unless `names` is given. Every outbound call
 * fails.
 */
export function verify(
  token: string,
  entries: Readonly<Record<string, TrustEntry>>,
  names: readonly string[] = Object.keys(entries),
) {
  return createTokenVerifier(entries, { ...bindingDeps(testClock()), callOut: noAnswer }).verify(
    presented(token),
    names,
  );
}

/** The reason why a token is rejected, or `accepted`. */
export async function reasonOf(...args: Parameters<typeof verify>): Promise<string> {
  const result = await verify(...args);
  return result.ok ? "accepted" : result.rejection.reason;
}
