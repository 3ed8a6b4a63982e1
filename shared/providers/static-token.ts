import { type RotatingSecret, readBoth, type Secrets } from "../host/secrets.ts";
import type { Proof } from "../model/authentic-delivery.ts";
import { sourcePrincipal } from "../model/principal.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { acceptedBy, equalSecrets } from "./signature.ts";

interface TokenCheck {
  readonly source: string;
  /** The header that carries the token in clear. */
  readonly header: string;
  readonly token: RotatingSecret;
  readonly secrets: Secrets;
}

/**
 * Proves a sender by a fixed token in a header. It does not cover the body, so use it only if the sender offers no
 * signature.
 */
export async function proveByToken(request: ReceivedRequest, check: TokenCheck): Promise<Result<Proof>> {
  const { source, header, token, secrets } = check;
  const presented = request.headers.get(header);
  if (presented === null) return reject({ reason: "credential_missing", header });
  const accepted = acceptedBy(await readBoth(secrets, token), (secret) => equalSecrets(secret, presented));
  if (!accepted) return reject({ reason: "secret_mismatch", header });
  return ok({ principal: sourcePrincipal(source, "token", accepted.label) });
}
