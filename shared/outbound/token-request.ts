import * as v from "valibot";
import type { CallOut } from "../host/call-out.ts";
import { type Clock, epochMillis } from "../host/clock.ts";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { Secret, type Secrets } from "../host/secrets.ts";
import { readJsonObject } from "../host/strict-json.ts";
import type { OutboundToken } from "./issuer.ts";
import { noToken } from "./no-token.ts";
import type { KubernetesAccount } from "./target-identity.ts";

const tokenResponse = v.object({
  status: v.object({
    token: nonEmptyText,
    expirationTimestamp: v.pipe(v.string(), v.isoTimestamp()),
  }),
});

/** The minimum that the API server accepts. */
const EXPIRATION_SECONDS = 600;

/**
 * Requests a token of a service account from its cluster: `POST …/serviceaccounts/{name}/token`
 * (https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/). Throws
 * `token_unavailable`.
 */
export async function requestToken(
  account: KubernetesAccount,
  { secrets, callOut, clock }: { readonly secrets: Secrets; readonly callOut: CallOut; readonly clock: Clock },
): Promise<OutboundToken> {
  const { api, namespace, serviceAccount, audience } = account;
  const url = new URL(
    `${api.replace(/\/$/, "")}/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`,
  );
  const credential = await secrets.read(account.token);
  const { status, headers, body } = await callOut({
    method: "POST",
    url,
    headers: { authorization: `Bearer ${credential.reveal()}`, "content-type": "application/json" },
    body: JSON.stringify({
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { audiences: [audience], expirationSeconds: EXPIRATION_SECONDS },
    }),
    timeoutMs: 5_000,
    maxResponseBytes: 65_536,
  });
  const json = readJsonObject(body);
  const parsed = json.ok && status === 201 ? v.safeParse(tokenResponse, json.value) : undefined;
  if (!parsed?.success) {
    throw noToken(url.host, `it responded ${status}`, { headers, now: clock.now() });
  }
  const { token, expirationTimestamp } = parsed.output.status;
  return { token: new Secret(token), expiresAt: epochMillis(Date.parse(expirationTimestamp)) };
}
