import type { CredentialUsage } from "../delivery/credential-usage.ts";
import type { CallOut } from "../host/call-out.ts";
import type { Clock } from "../host/clock.ts";
import { refsIn } from "./references.ts";

export interface CredentialUseDeps {
  readonly callOut: CallOut;
  readonly clock: Clock;
  readonly credentialUsage: Pick<CredentialUsage, "record">;
}

/** The way out to one target. What it answers to was shown the secret in its settings, or a token got by that. */
export function trackCredentialUse(
  name: string,
  settings: object,
  { callOut, clock, credentialUsage }: CredentialUseDeps,
): CallOut {
  const refs = refsIn(settings, []).map(([, ref]) => ref);
  if (refs.length === 0) return callOut;
  return async (request) => {
    const answer = await callOut(request);
    const use = { kind: "target", name, method: "secret", lastUsedAt: clock.now() } as const;
    for (const credential of refs) credentialUsage.record({ ...use, credential });
    return answer;
  };
}
