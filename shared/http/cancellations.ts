import * as v from "valibot";
import { lineOf } from "../delivery/cancel-run.ts";
import type { RunReporter } from "../delivery/correlate.ts";
import { toIso } from "../host/clock.ts";
import { withoutHidden } from "../host/hidden-characters.ts";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { redactText } from "../host/url-credentials.ts";
import { type CallerDeps, callerOf } from "../identity/caller.ts";
import type { TrustEntry } from "../identity/trust-entry.ts";
import { cut } from "../model/event.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { MAX_REPORTED_FAILURES, type RunCancel } from "../model/run-cancel.ts";
import type { ClusterSource } from "../providers/provider.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { RunCancelStore } from "../store/run-cancels.ts";
import type { AwaitedCancelDeps } from "./awaited-cancel.ts";
import { parseJsonBody } from "./json-body.ts";

export interface CancellationsApi extends CallerDeps, AwaitedCancelDeps {
  readonly config: { readonly issuers: Readonly<Record<string, TrustEntry>> };
  /** Returns the sources that report the runs of the cluster whose tokens the trust entry accepts. */
  readonly sourcesOfCluster: (entry: TrustEntry | undefined) => readonly Pick<ClusterSource, "source">[];
  readonly runCancels: () => Promise<Pick<RunCancelStore, "of" | "fail" | "replace">>;
  readonly runReporters: readonly Pick<RunReporter, "name" | "flow" | "environments">[];
  readonly deliveries: Pick<DeliveryStore, "get" | "addToTimeline">;
}

const problem = v.pipe(
  v.string(),
  v.maxLength(1_000),
  v.transform((text) => cut(redactText(withoutHidden(text)), 300)),
);

/** `failed`: what could not be cancelled since the last call, and why. */
export const cancellationsBody = v.strictObject({
  failed: v.optional(
    v.pipe(
      v.array(v.strictObject({ id: v.pipe(nonEmptyText, v.maxLength(100)), problem })),
      v.maxLength(MAX_REPORTED_FAILURES),
    ),
    [],
  ),
});

interface Cancellation {
  readonly id: string;
  /** Name of the run. */
  readonly run: string;
  /** Where it can be: exact names, or `ci-*`. */
  readonly namespaces: readonly string[];
  /** The delivery that started it, which its annotation names. */
  readonly delivery: string;
  /** The id of the newer event. */
  readonly by: string;
  readonly until: string;
}

export interface ListedCancellations {
  readonly cancellations: readonly Cancellation[];
}

/**
 * `POST /v1/cancellations`: the runs of the caller's cluster that have to be cancelled, for the process in the cluster that
 * does it. A run is listed only while something newer waits for its end and for nothing else. What the process could not
 * cancel becomes a line of the timeline, once for each reason. The call ends no wait: the reported end of a run does.
 */
export async function askForCancellations(
  request: ReceivedRequest,
  api: CancellationsApi,
): Promise<Result<ListedCancellations>> {
  const caller = await callerOf(request, "cancellations", api);
  if (!caller.ok) return caller;
  const { principal } = caller.value;
  const body = parseJsonBody(request.body, cancellationsBody);
  if (!body.ok) return reject(body.rejection, principal);
  const entry = api.config.issuers[principal.trustEntry ?? ""];
  const store = await api.runCancels();
  const cancellations: Cancellation[] = [];
  for (const { source } of api.sourcesOfCluster(entry)) {
    const listed = await store.of(source);
    if (listed.length === 0) continue;
    const { awaitedBy } = await import("./awaited-cancel.ts");
    for (const stored of listed) {
      // A route that cancels nothing any more lets its runs end by themselves.
      const route = api.runReporters.find(({ name, flow }) => name === stored.route && flow?.then === "cancel");
      const by = route && (await awaitedBy(stored, route, api));
      if (by === undefined) continue;
      const cancel = { ...stored, by };
      if (by !== stored.by) {
        await api.deliveries.addToTimeline(cancel.delivery, lineOf(cancel, "asked", api.clock));
        await store.replace(source, cancel.action, by);
      }
      const failed = body.value.failed.find(({ id }) => id === cancel.action);
      if (failed !== undefined && failed.problem !== cancel.problem) {
        await api.deliveries.addToTimeline(cancel.delivery, lineOf(cancel, "failed", api.clock, failed.problem));
        await store.fail(source, cancel.action, failed.problem);
      }
      cancellations.push(shownOf(cancel));
    }
  }
  return ok({ cancellations });
}

const shownOf = ({ action: id, run, namespaces, delivery, by, until }: RunCancel): Cancellation => ({
  id,
  run,
  namespaces,
  delivery,
  by,
  until: toIso(until),
});
