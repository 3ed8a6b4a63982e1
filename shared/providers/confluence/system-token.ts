import { Secret } from "../../host/secrets.ts";
import { claimAt } from "../../identity/claim-match.ts";
import type { AuthenticDelivery } from "../../model/authentic-delivery.ts";
import type { CarriedToken } from "../provider.ts";
import type { ForgeSettings } from "./settings.ts";

const HEADER = "x-forge-oauth-system";

/** Where an app may call the site that sent the event; signed with the rest of the invocation token. */
const BASE = /^https:\/\/api\.atlassian\.com\/ex\/confluence\/[\w-]{1,64}$/;

/** Far more than any has had; it is opaque, and of no stated length. */
const MAX_CHARACTERS = 16_384;

/**
 * The app's own token that came along with a Forge event
 * (https://developer.atlassian.com/platform/forge/forge-remote-invocation-contract/), and what it is good for. Nothing where
 * there is none, where it was not Forge that was proved, or where it is for another place than an Atlassian site.
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
