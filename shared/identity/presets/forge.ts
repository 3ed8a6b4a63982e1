import type { Preset } from "./preset.ts";

/**
 * Forge invocation tokens (https://developer.atlassian.com/platform/forge/forge-remote-invocation-contract/). All apps
 * share the issuer; `audience` is the app's own id, and is never read from the token. The issuer is not a URL.
 */
export const forge: Preset = {
  name: "forge",
  issuer: "forge/invocation-token",
  isIdentifiedByAudience: true,
  issuerForm: { matches: /^forge\/invocation-token$/, says: "forge/invocation-token" },
  keysUrl: () => "https://forge.cdn.prod.atlassian-dev.net/.well-known/jwks.json",
  algorithms: ["RS256"],
  // Tokens live for 25 seconds.
  maxLifetimeSeconds: 300,
  subject: [["app", "installation", "id"]],
  shown: [["context", "cloudId"], ["principal"]],
};
