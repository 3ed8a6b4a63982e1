import * as v from "valibot";
import { lineOf } from "../delivery/cancel-run.ts";
import type { RunReporter } from "../delivery/correlate.ts";
import { type Clock, toIso } from "../host/clock.ts";
import { withoutHidden } from "../host/hidden-characters.ts";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { redactText } from "../host/url-credentials.ts";
import { type CallerDeps, callerOf } from "../identity/caller.ts";
import type { TrustEntry } from "../identity/trust-entry.ts";
import { cut } from "../model/event.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { RunCancel } from "../model/run-cancel.ts";
import type { ClusterSource } from "../providers/provider.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { RunCancelStore } from "../store/run-cancels.ts";
import { parseJsonBody } from "./json-body.ts";

export interface CancellationsApi extends CallerDeps {
  readonly config: { readonly issuers: Readonly<Record<string, TrustEntry>> };
  /** Returns the sources that report the runs of the cluster whose tokens the trust entry accepts. */
  readonly sourcesOfCluster: (entry: TrustEntry | undefined) => readonly Pick<ClusterSource, "source">[];
  readonly runCancels: () => Promise<Pick<RunCancelStore, "of" | "fail">>;
  readonly runReporters: readonly Pick<RunReporter, "name" | "flow">[];
  readonly deliveries: Pick<DeliveryStore, "addToTimeline">;
  readonly clock: Clock;
}

/** As many as one source can have. */
const MAX_FAILED = 100;

const problem = v.pipe(
  v.string(),
  v.maxLength(1_000),
  v.transform((text) => cut(redactText(withoutHidden(text)), 300)),
);

/** `failed`: what could not be cancelled since the last call, and why. */
export const cancellationsBody = v.strictObject({
  failed: v.optional(
    v.pipe(v.array(v.strictObject({ id: v.pipe(nonEmptyText, v.maxLength(100)), problem })), v.maxLength(MAX_FAILED)),
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
 * does it. What it could not cancel becomes a line of the timeline, once for each reason. It ends no wait: the reported end
 * of a run does.
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
  // A route that cancels nothing any more lets its runs end by themselves.
  const cancelling = new Set(api.runReporters.flatMap(({ name, flow }) => (flow?.then === "cancel" ? [name] : [])));
  const store = await api.runCancels();
  const cancellations: Cancellation[] = [];
  for (const { source } of api.sourcesOfCluster(entry)) {
    for (const cancel of (await store.of(source)).filter(({ route }) => cancelling.has(route))) {
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
