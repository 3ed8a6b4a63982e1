import * as v from "valibot";
import { readBoth, rotatingSecret, type Secrets } from "../../host/secrets.ts";
import { presentedToken } from "../../identity/presented-token.ts";
import type { Proof } from "../../model/authentic-delivery.ts";
import { sourcePrincipal } from "../../model/principal.ts";
import type { ReceivedRequest } from "../../model/request.ts";
import { ok, type Result, reject } from "../../model/result.ts";
import type { ProviderDeps, UnsignedRequest } from "../provider.ts";
import { acceptedBy, equalSecrets } from "../signature.ts";

/**
 * A user name with a colon could not be separated from the password (https://www.rfc-editor.org/rfc/rfc7617#section-2).
 */
export const basicCredential = v.strictObject({
  username: v.pipe(
    v.string(),
    v.regex(/^[^:]+$/, "a user name without a colon"),
    v.description("The user name in the address of the sink, without a colon."),
  ),
  password: v.pipe(rotatingSecret, v.description("The password in the address of the sink.")),
});
type BasicCredential = v.InferOutput<typeof basicCredential>;

interface Credentials {
  /** Trust entries whose tokens are accepted; undefined if the source accepts no token. */
  readonly trust: readonly string[] | undefined;
  readonly basic: BasicCredential | undefined;
}

/**
 * Tekton signs nothing. The cluster is proved by a service-account token that a forwarder or a task adds, or by the
 * `user:password@` of the sink's address, which Go's HTTP client sends as `Authorization: Basic`
 * (https://pkg.go.dev/net/http#Request.SetBasicAuth). A request can have only one of them: a repeated header arrives
 * joined by a comma and is neither.
 */
export async function prove(
  request: ReceivedRequest,
  source: string,
  { trust, basic }: Credentials,
  deps: ProviderDeps,
): Promise<Result<Proof>> {
  if (basic && BASIC.test(request.headers.get(HEADER) ?? "")) return proveBasic(request, source, basic, deps.secrets);
  const presented = presentedToken(request);
  if (!presented.ok) return presented;
  return trust
    ? deps.tokens.verify(presented.value, trust)
    : reject({ reason: "credential_malformed", header: HEADER });
}

/** User name and password are compared together, in encoded form: the header is never decoded. */
async function proveBasic(
  request: ReceivedRequest,
  source: string,
  { username, password }: BasicCredential,
  secrets: Secrets,
): Promise<Result<Proof>> {
  const sent = request.headers.get(HEADER)?.replace(BASIC, "") ?? "";
  const accepted = acceptedBy(await readBoth(secrets, password), (secret) =>
    equalSecrets(sent, encoded(username, secret)),
  );
  if (!accepted) return reject({ reason: "secret_mismatch", header: HEADER });
  return ok({ principal: sourcePrincipal(source, "basic", accepted.label) });
}

/** Returns the headers that Tekton sends to a sink with the current password in its address. */
export async function signWithBasic(
  request: UnsignedRequest,
  { username, password }: BasicCredential,
  secrets: Secrets,
): Promise<Headers> {
  const current = await secrets.read(password.current);
  const headers = new Headers(request.headers);
  headers.set(HEADER, `Basic ${encoded(username, current.reveal())}`);
  return headers;
}

const encoded = (username: string, password: string): string =>
  Buffer.from(`${username}:${password}`, "utf8").toString("base64");

const HEADER = "Authorization";
/** The scheme's name is case-insensitive (https://www.rfc-editor.org/rfc/rfc9110#section-11.1). */
const BASIC = /^basic /i;
