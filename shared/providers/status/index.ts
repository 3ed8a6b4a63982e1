import type { Source } from "../../delivery/receive.ts";
import { type CallerTools, holderOf } from "../../identity/caller.ts";
import type { TrustEntry } from "../../identity/trust-entry.ts";
import type { Principal } from "../../model/principal.ts";
import { ok, refuse } from "../../model/result.ts";
import { readingOf, readStatus } from "./reading.ts";

export interface StatusTools extends Omit<CallerTools, "refuseOverRate"> {
  readonly issuers: Readonly<Record<string, TrustEntry>>;
}

/**
 * `POST /v1/status`: a CI job tells the state of its own build, proved by the job's own token. A sender like any other,
 * except that it is not configured: the tokens of every trust entry will do that have a role for it. As with any source,
 * what an entry in shadow mode would refuse goes on without a role, and the record says why.
 */
export function statusSource(tools: StatusTools): Source {
  const entryOf = ({ trustEntry = "" }: Principal): TrustEntry | undefined => tools.issuers[trustEntry];
  return {
    name: "status",
    provider: "status",
    contentTypes: ["application/json"],
    async authenticate(request) {
      const holder = await holderOf(request, tools);
      if (!holder.ok) return holder;
      const { principal } = holder.value;
      const wouldDeny = holder.value.wouldDeny ?? tools.policy.refuseCall(principal, "status");
      if (wouldDeny && entryOf(principal)?.mode !== "shadow") return refuse(wouldDeny, principal);
      // A job is told at once what is wrong: nobody else will look at it before the build has ended.
      const read = readStatus(request.body);
      if ("problem" in read) return refuse({ reason: "body_invalid", problem: read.problem }, principal);
      return ok(wouldDeny ? { ...holder.value, wouldDeny } : holder.value);
    },
    read: (delivery) => readingOf(delivery, entryOf(delivery.principal)?.preset.run?.(delivery.claims)),
  };
}
