import { type Clock, systemClock } from "../host/clock.ts";
import type { Environment } from "../host/environment.ts";
import { Fault } from "../host/fault.ts";
import { hasPlaceForLogins, LoginFile } from "./login-file.ts";

/** A token is refreshed this long before it expires, so that none expires on its way. */
const REFRESH_BEFORE_MS = 60_000;

/**
 * Returns the access token of the login at this bridge; undefined if nobody has logged in. A token that expires soon is
 * refreshed first, by one command at a time: most issuers take a refresh token only once, and end the login otherwise.
 */
export async function loginToken(
  url: URL,
  environment: Environment,
  clock: Clock = systemClock,
): Promise<string | undefined> {
  // Where no login can be kept, as in many CI jobs, nobody has logged in.
  if (!hasPlaceForLogins(environment)) return undefined;
  const file = new LoginFile(url, environment);
  const isFresh = ({ expiresAt }: { readonly expiresAt: number }): boolean =>
    expiresAt - REFRESH_BEFORE_MS > clock.now();
  const login = await file.read();
  if (login === undefined || isFresh(login)) return login?.accessToken;
  return file.locked(async () => {
    // Another command may have refreshed it, or logged out.
    const current = await file.read();
    if (current === undefined || isFresh(current)) return current?.accessToken;
    const isValid = current.expiresAt > clock.now();
    if (current.refreshToken === undefined) {
      if (isValid) return current.accessToken;
      throw new Fault("not_allowed", "the login has expired: log in again with drawbridge login", { retryable: false });
    }
    try {
      const { refresh } = await import("./login-issuer.ts");
      const tokens = await refresh(current, clock);
      await file.write({ ...current, ...tokens });
      return tokens.accessToken;
    } catch (error) {
      if (isValid && error instanceof Fault && error.retryable) return current.accessToken;
      throw error;
    }
  });
}
