import { type RotatingSecret, readBoth } from "../../host/secrets.ts";
import { claimAt } from "../../identity/claim-at.ts";
import { looksLikeJws } from "../../identity/compact-jws.ts";
import { type PresentedToken, presentedToken } from "../../identity/presented-token.ts";
import type { Authenticate, Proof } from "../../model/authentic-delivery.ts";
import { sourcePrincipal } from "../../model/principal.ts";
import type { ReceivedRequest } from "../../model/request.ts";
import { ok, type Result, reject } from "../../model/result.ts";
import { bodySignature, proveByHmac } from "../hmac-proof.ts";
import type { ProviderDeps } from "../provider.ts";
import { acceptedBy, equalSecrets } from "../signature.ts";
import { checkConnectToken } from "./connect-token.ts";
import type { ConfluenceSettings, ConnectSettings, ForgeSettings } from "./settings.ts";

/** Data Center (https://confluence.atlassian.com/conf91/managing-webhooks-1442848789.html). */
export const hubSignatureScheme = bodySignature({
  header: "X-Hub-Signature",
  prefix: "sha256=",
  method: "hub-signature",
});
const AUTHORIZATION_HEADER = "Authorization";

interface Checker {
  readonly source: string;
  readonly settings: ConfluenceSettings;
  readonly deps: ProviderDeps;
}

/**
 * A request presents one credential, and only that credential decides. A wrong signature never falls back to a token,
 * and a wrong token never falls back to another kind.
 */
export function authenticateFor(checker: Checker): Authenticate {
  const { hubSignature, connect } = checker.settings;
  const missing = reject({
    reason: "credential_missing",
    header: hubSignature ? hubSignatureScheme.header : AUTHORIZATION_HEADER,
  });
  return async (request) => {
    const isSigned = request.headers.has(hubSignatureScheme.header);
    const authorization = request.headers.get(AUTHORIZATION_HEADER);
    if (isSigned && authorization !== null) return malformed(AUTHORIZATION_HEADER);
    if (isSigned) {
      if (!hubSignature) return missing;
      const check = { source: checker.source, scheme: hubSignatureScheme, secret: hubSignature };
      return proveByHmac(request, check, checker.deps);
    }
    if (authorization === null) return missing;
    if (!/^jwt /i.test(authorization)) return checkBearer(checker, request, missing);
    return connect ? checkConnect(checker, connect, authorization.slice("jwt ".length).trim(), request) : missing;
  };
}

async function checkConnect(
  { source, deps }: Checker,
  connect: ConnectSettings,
  token: string,
  request: ReceivedRequest,
): Promise<Result<Proof>> {
  const proof = await checkConnectToken(token, request, connect, await readBoth(deps.secrets, connect.secret));
  if (!proof.ok) return proof;
  const { claims, label } = proof.value;
  return ok({ principal: sourcePrincipal(source, "connect-jwt", label), claims });
}

function checkBearer(checker: Checker, request: ReceivedRequest, missing: Result<never>): Promise<Result<Proof>> {
  const { forge, automation } = checker.settings;
  const presented = presentedToken(request);
  if (!presented.ok) return Promise.resolve(presented);
  const { token } = presented.value;
  if (forge && looksLikeJws(token)) return checkForge(checker, forge, presented.value);
  return automation ? checkAutomation(checker, automation, token) : Promise.resolve(missing);
}

/**
 * Forge invocation token (https://developer.atlassian.com/platform/forge/forge-remote-invocation-contract/). The trust
 * entry has our app's id as audience. A token with `icLabel` is from Isolated Cloud, which is not supported. The body
 * is not covered.
 */
async function checkForge({ deps }: Checker, forge: ForgeSettings, presented: PresentedToken): Promise<Result<Proof>> {
  const verified = await deps.tokens.verify(presented, [forge.trust]);
  if (!verified.ok) return verified;
  const { claims, principal } = verified.value;
  if (claims["icLabel"] !== undefined) return reject({ reason: "claim_mismatch", claim: "icLabel" });
  const installation = claimAt(claims, ["app", "installation", "id"]);
  if (typeof installation !== "string") return reject({ reason: "claim_missing", claim: INSTALLATION });
  if (forge.installations && !forge.installations.includes(installation)) {
    return reject({ reason: "claim_mismatch", claim: INSTALLATION });
  }
  return ok({ ...verified.value, principal: { ...principal, subject: installation } });
}

const INSTALLATION = "app.installation.id";

/** Automation cannot sign: its token is a password, and the body is not covered. */
async function checkAutomation({ source, deps }: Checker, pair: RotatingSecret, token: string): Promise<Result<Proof>> {
  const accepted = acceptedBy(await readBoth(deps.secrets, pair), (secret) => equalSecrets(secret, token));
  if (!accepted) return reject({ reason: "secret_mismatch", header: AUTHORIZATION_HEADER });
  return ok({ principal: sourcePrincipal(source, "token", accepted.label) });
}

const malformed = (header: string): Result<never> => reject({ reason: "credential_malformed", header });
