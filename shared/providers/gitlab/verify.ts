import type { RotatingSecret } from "../../host/secrets.ts";
import type { Proof } from "../../model/authentic-delivery.ts";
import type { ReceivedRequest } from "../../model/request.ts";
import { type Result, reject } from "../../model/result.ts";
import { proveByHmac, signByHmac } from "../hmac-proof.ts";
import type { ProviderDeps, UnsignedRequest } from "../provider.ts";
import { proveByToken } from "../static-token.ts";
import { standardWebhooks } from "./standard-webhooks.ts";

interface Tokens {
  readonly signingToken: RotatingSecret | undefined;
  readonly token: RotatingSecret | undefined;
}

type ProofDeps = Pick<ProviderDeps, "secrets" | "clock">;

/**
 * GitLab's rule: if a signature is present, only the signature counts; otherwise the secret token does
 * (https://docs.gitlab.com/user/project/integrations/webhooks/). A hook signs only if it has a signing token, so a
 * signature that this source has no key for is a mistake in the settings. It is rejected, not ignored.
 */
export async function prove(
  request: ReceivedRequest,
  { source, signingToken, token }: Tokens & { readonly source: string },
  deps: ProofDeps,
): Promise<Result<Proof>> {
  const { header } = standardWebhooks;
  if (request.headers.has(header)) {
    if (!signingToken) return reject({ reason: "signature_unverifiable", header });
    return proveByHmac(request, { source, scheme: standardWebhooks, secret: signingToken }, deps);
  }
  if (token) return proveByToken(request, { source, header: TOKEN, token, secrets: deps.secrets });
  return reject({ reason: "credential_missing", header });
}

/** Returns the headers of a hook with these tokens. GitLab sends both if both are set. */
export async function sign(
  { headers: unsigned, ...request }: UnsignedRequest,
  { signingToken, token }: Tokens,
  deps: ProofDeps,
): Promise<Headers> {
  const headers = new Headers(unsigned);
  if (token) headers.set(TOKEN, (await deps.secrets.read(token.current)).reveal());
  if (!signingToken) return headers;
  return signByHmac({ ...request, headers }, { scheme: standardWebhooks, secret: signingToken }, deps);
}

const TOKEN = "x-gitlab-token";
