import { toIso } from "../host/clock.ts";
import { type CallerDeps, callerOf } from "../identity/caller.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { CredentialUsageStore, CredentialUse } from "../store/credential-usage.ts";

export interface CredentialsApi extends CallerDeps {
  readonly credentialUses: Pick<CredentialUsageStore, "list">;
}

/** The last use of a credential, with its time in ISO 8601. */
export type ShownUse = Omit<CredentialUse, "lastUsedAt"> & { readonly lastUsedAt: string };

export interface ListedCredentials {
  readonly credentials: readonly ShownUse[];
}

/** `GET /v1/credentials`: when each credential was last used, for those used within the retention time. */
export async function listCredentials(
  request: ReceivedRequest,
  api: CredentialsApi,
): Promise<Result<ListedCredentials>> {
  const caller = await callerOf(request, "deliveries", api);
  if (!caller.ok) return caller;
  // The use of a credential is about no event.
  const { principal } = caller.value;
  const forbidden = api.policy.rejectCall(principal, "deliveries", []);
  if (forbidden) return reject(forbidden, principal);
  const uses = await api.credentialUses.list();
  return ok({ credentials: uses.map((use) => ({ ...use, lastUsedAt: toIso(use.lastUsedAt) })) });
}
