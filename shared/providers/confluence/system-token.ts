import { Secret } from "../../host/secrets.ts";
import { claimAt } from "../../identity/claim-at.ts";
import type { AuthenticDelivery } from "../../model/authentic-delivery.ts";
import type { CarriedToken } from "../provider.ts";
import type { ForgeSettings } from "./settings.ts";

const HEADER = "x-forge-oauth-system";

/** The base address at which an app may call the site that sent the event. It is a claim of the invocation token. */
const BASE = /^https:\/\/api\.atlassian\.com\/ex\/confluence\/[\w-]{1,64}$/;

/** Much longer than any observed token. Tokens are opaque, and their length is not documented. */
const MAX_CHARACTERS = 16_384;

/**
 * Returns the app's own token that a Forge event carries
 * (https://developer.atlassian.com/platform/forge/forge-remote-invocation-contract/), with the address that it is valid
 * for. Returns undefined if there is no token, if the sender was not proved by Forge, or if the address is not an
 * Atlassian site.
 */
export function carriedToken(
  { source, principal, claims, headers, receivedAt }: AuthenticDelivery,
  { trust }: ForgeSettings,
): CarriedToken | undefined {
  if (principal.trustEntry !== trust) return undefined;
  const token = headers.get(HEADER) ?? "";
  const [app, base] = [claims["aud"], claimAt(claims, ["app", "apiBaseUrl"])];
  if (token === "" || token.length > MAX_CHARACTERS || typeof app !== "string") return undefined;
  if (typeof base !== "string" || !BASE.test(base)) return undefined;
  return { source, app, base, token: new Secret(token), receivedAt };
}
