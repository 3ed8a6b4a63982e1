import type { Source } from "../delivery/receive.ts";
import { ok, refuse } from "../delivery/result.ts";
import { type CallerTools, callerOf } from "../identity/caller.ts";
import type { TrustEntry } from "../identity/trust-entry.ts";
import { readingOf, readStatus } from "./reading.ts";

export interface StatusTools extends Omit<CallerTools, "refuseOverRate"> {
  readonly issuers: Readonly<Record<string, TrustEntry>>;
}

/**
 * `POST /v1/status`: a CI job tells the state of its own build, proved by the job's own token. A sender like any other,
 * except that it is not configured: the tokens of every trust entry will do that have a role for it.
 */
export function statusSource(tools: StatusTools): Source {
  const presetOf = (trustEntry: string | undefined) => tools.issuers[trustEntry ?? ""]?.preset;
  return {
    name: "status",
    provider: "status",
    contentTypes: ["application/json"],
    async authenticate(request) {
      const caller = await callerOf(request, "status", tools);
      if (!caller.ok) return caller;
      // A job is told at once what is wrong: nobody else will look at it before the build has ended.
      const read = readStatus(request.body);
      if ("problem" in read) return refuse({ reason: "body_invalid", problem: read.problem }, caller.value.principal);
      return ok(caller.value);
    },
    read: (delivery) => readingOf(delivery, presetOf(delivery.principal.trustEntry)?.run?.(delivery.claims)),
  };
}
