import { epochSeconds } from "../../host/clock.ts";
import { type RotatingSecret, readBoth } from "../../host/secrets.ts";
import type { Proof } from "../../model/authentic-delivery.ts";
import { sourcePrincipal } from "../../model/principal.ts";
import type { ReceivedRequest } from "../../model/request.ts";
import { ok, type Result, reject } from "../../model/result.ts";
import type { ProviderDeps } from "../provider.ts";
import { rejectStale } from "../signature.ts";
import { proveByToken } from "../static-token.ts";
import { isSignedBy, readSignatures, signingKey } from "./standard-webhooks.ts";

interface Settings {
  readonly source: string;
  readonly signingToken: RotatingSecret | undefined;
  readonly token: RotatingSecret | undefined;
}

/**
 * GitLab's rule: if a signature is present, only the signature counts; otherwise the secret token does
 * (https://docs.gitlab.com/user/project/integrations/webhooks/). A hook signs only if it has a signing token, so a
 * signature that this source has no key for is a mistake in the settings. It is rejected, not ignored.
 */
export async function prove(
  request: ReceivedRequest,
  { source, signingToken, token }: Settings,
  { secrets, clock }: Pick<ProviderDeps, "secrets" | "clock">,
): Promise<Result<Proof>> {
  if (request.headers.has(SIGNATURE)) {
    if (!signingToken) return reject({ reason: "signature_unverifiable", header: SIGNATURE });
    return proveBySignature(request, { source, signingToken }, { secrets, clock });
  }
  if (token) return proveByToken(request, { source, header: TOKEN, token, secrets });
  return reject({ reason: "credential_missing", header: SIGNATURE });
}

async function proveBySignature(
  { headers, body }: ReceivedRequest,
  { source, signingToken }: { readonly source: string; readonly signingToken: RotatingSecret },
  { secrets, clock }: Pick<ProviderDeps, "secrets" | "clock">,
): Promise<Result<Proof>> {
  const [id, timestamp] = [headers.get(ID), headers.get(TIMESTAMP)];
  if (!id) return reject({ reason: "credential_missing", header: ID });
  if (!timestamp) return reject({ reason: "credential_missing", header: TIMESTAMP });
  if (!/^\d{1,12}$/.test(timestamp)) return reject({ reason: "credential_malformed", header: TIMESTAMP });
  const offered = readSignatures(headers.get(SIGNATURE) ?? "");
  if (!offered) return reject({ reason: "credential_malformed", header: SIGNATURE });

  const keys = (await readBoth(secrets, signingToken)).map(({ label, secret }) => ({
    label,
    key: signingKey(secret, signingToken[label]),
  }));
  // Both keys are tried, so that the time does not reveal which one matched.
  const [accepted] = keys.filter(({ key }) => isSignedBy(key, { id, timestamp, body }, offered));
  if (!accepted) return reject({ reason: "signature_mismatch", header: SIGNATURE });

  const stale = rejectStale(epochSeconds(Number(timestamp)), clock.now());
  if (stale) return reject(stale);
  return ok({ principal: sourcePrincipal(source, "standard-webhooks", accepted.label) });
}

const ID = "webhook-id";
const TIMESTAMP = "webhook-timestamp";
const SIGNATURE = "webhook-signature";
const TOKEN = "x-gitlab-token";
