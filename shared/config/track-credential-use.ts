import type { CredentialUsage } from "../delivery/credential-usage.ts";
import type { CallOut } from "../host/call-out.ts";
import type { Clock } from "../host/clock.ts";
import { refsIn } from "./references.ts";

export interface CredentialUseDeps {
  readonly callOut: CallOut;
  readonly clock: Clock;
  readonly credentialUsage: Pick<CredentialUsage, "record">;
}

/**
 * Wraps the outbound HTTP client of one target, and records a use of each secret in its settings when the target responds.
 * The request carried the secret, or a token that was obtained with it.
 */
export function trackCredentialUse(
  name: string,
  settings: object,
  { callOut, clock, credentialUsage }: CredentialUseDeps,
): CallOut {
  const refs = refsIn(settings, []).map(([, ref]) => ref);
  if (refs.length === 0) return callOut;
  return async (request) => {
    const response = await callOut(request);
    const use = { kind: "target", name, method: "secret", lastUsedAt: clock.now() } as const;
    for (const credential of refs) credentialUsage.record({ ...use, credential });
    return response;
  };
}
