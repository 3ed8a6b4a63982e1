import type { Source } from "../../delivery/receive.ts";
import type { CallerDeps } from "../../identity/caller.ts";
import { holderOf } from "../../identity/holder.ts";
import type { TrustEntry } from "../../identity/trust-entry.ts";
import { factsOfRun } from "../../model/event-facts.ts";
import type { Principal } from "../../model/principal.ts";
import { ok, reject } from "../../model/result.ts";
import type { ClusterSource, JobSource } from "../provider.ts";
import { rejectNamespace } from "./cluster.ts";
import { rejectJob } from "./job.ts";
import { buildOf, readingOf, readStatus } from "./reading.ts";

export interface StatusDeps extends Omit<CallerDeps, "rejectOverRate" | "withAccess"> {
  readonly issuers: Readonly<Record<string, TrustEntry>>;
  /** The sources that report the runs of clusters: a job in a namespace that its cluster's source excludes is rejected. */
  readonly clusters: readonly ClusterSource[];
  /** The sources of CI systems: a job in a project or pipeline that all sources of its system exclude is rejected. */
  readonly jobs: readonly JobSource[];
}

/** Name of the source to which CI jobs report. */
export const STATUS_SOURCE = "status";

/**
 * `POST /v1/status`: a CI job reports the state of its own build, proved by the job's own token. It is a source like
 * any other, except that it is not configured: it accepts the tokens of every trust entry that have a role for it. As
 * for any source, a request that a trust entry in shadow mode would reject is accepted without a role, and the record
 * has the rejection.
 */
export function statusSource(deps: StatusDeps): Source {
  const entryOf = ({ trustEntry = "" }: Principal): TrustEntry | undefined => deps.issuers[trustEntry];
  return {
    name: STATUS_SOURCE,
    provider: "status",
    contentTypes: ["application/json"],
    async authenticate(request) {
      const holder = await holderOf(request, deps);
      if (!holder.ok) return holder;
      const { principal, claims } = holder.value;
      const shadowRejection =
        holder.value.shadowRejection ??
        deps.policy.rejectCall(principal, "status", "anything") ??
        rejectNamespace(claims, entryOf(principal), deps) ??
        rejectJob(claims, entryOf(principal), deps.jobs);
      if (shadowRejection && entryOf(principal)?.mode !== "shadow") return reject(shadowRejection, principal);
      // The job gets the problem in the response, because nobody else looks at it before the build has ended.
      const read = readStatus(request.body);
      if ("problem" in read) return reject({ reason: "body_invalid", problem: read.problem }, principal);
      const run = buildOf(holder.value, read.status, entryOf(principal)?.preset.run?.(claims));
      const outOfScope = shadowRejection ? undefined : deps.policy.rejectCall(principal, "status", [factsOfRun(run)]);
      if (outOfScope && entryOf(principal)?.mode !== "shadow") return reject(outOfScope, principal);
      const unenforced = shadowRejection ?? outOfScope;
      return ok(unenforced ? { ...holder.value, shadowRejection: unenforced } : holder.value);
    },
    read: (delivery) => readingOf(delivery, entryOf(delivery.principal)?.preset.run?.(delivery.claims)),
  };
}
