import { isSecureUrl } from "../../host/secure-url.ts";
import type { ConfigProblem } from "../explain.ts";
import type { Config } from "../schema.ts";

/** What keeps everyone out of the console: browsers cannot come back to it, or its trust entry takes no ID token. */
export function unreachableConsole({ console: settings, issuers, identity }: Config): readonly ConfigProblem[] {
  if (settings === undefined) return [];
  const { trust, clientId, url } = settings;
  const homeless = { path: ["console"], message: '"url" is missing: it is where the issuer sends browsers back to' };
  const keepsOut = (issuers[trust] ? keptOutBy(issuers[trust], clientId) : []).map((why) => ({
    path: ["console", "trust"],
    message: `nobody comes in by "${trust}": ${why}`,
  }));
  return [...(url === undefined && identity === undefined ? [homeless] : []), ...keepsOut];
}

function keptOutBy(entry: Config["issuers"][string], clientId: string): readonly string[] {
  const { issuer, audience, audienceClaim, proof, singleUse, bodyDigestClaim } = entry;
  const isBound = proof !== undefined || singleUse || bodyDigestClaim !== undefined;
  const reasons = [
    [!isSecureUrl(issuer), "its issuer is no https:// address"],
    [audienceClaim !== "aud", "its preset takes access tokens alone, and a sign-in brings an ID token"],
    [!audience.includes(clientId), "ID tokens are made for the client, which is not among its audiences"],
    [isBound, "a browser's token is not bound to its request or to a key, as it wants it"],
  ] as const;
  return reasons.flatMap(([isSo, why]) => (isSo ? [why] : []));
}
