import * as v from "valibot";
import type { EpochMillis } from "../../host/clock.ts";
import { isListed } from "../../host/name-pattern.ts";
import type { AuthenticDelivery } from "../../model/authentic-delivery.ts";
import { isTerminal } from "../../model/build-order.ts";
import { cut, EVENT_LIMITS } from "../../model/event.ts";
import { isProbeRun, PROBE_KIND } from "../../model/probe-run.ts";
import type { Reading } from "../../model/reading.ts";
import { taskEventOf } from "./approval-task.ts";
import { type Envelope, envelopeOf, isOfListener } from "./envelope.ts";
import { parentOf, payload, type Run, type RunKind } from "./run.ts";
import { type EventOptions, eventOf } from "./run-event.ts";
import { presentedProof, type RunStatus, runStatusOf } from "./run-status.ts";
import { refusedTriggerOf, triggerEventOf } from "./trigger-event.ts";

interface ReadingOptions extends EventOptions {
  /** Name of the source. */
  readonly source: string;
  /** The namespaces whose events are read; undefined for all. */
  readonly namespaces: readonly string[] | undefined;
  /** A run that the bridge did not start is ignored if it ended more than this many hours ago. */
  readonly maxAgeHours: number;
}

/** Reads a CloudEvent about a run or of an EventListener. All other types are ignored with their name. */
export function readDelivery(delivery: AuthenticDelivery, options: ReadingOptions): Reading {
  const envelope = envelopeOf(delivery);
  if ("problem" in envelope) return { outcome: "unusable", problem: envelope.problem };
  return { ...readEnvelope(envelope, delivery.receivedAt, options), deliveryKey: envelope.deliveryKey };
}

function readEnvelope(envelope: Envelope, receivedAt: EpochMillis, options: ReadingOptions): Reading {
  if (isOfListener(envelope.type)) {
    return { ...unlessExcluded(triggerEventOf(envelope, receivedAt), options), bodyHasSecrets: true };
  }
  if (envelope.type === "dev.drawbridge.trigger.refused")
    return unlessExcluded(refusedTriggerOf(envelope, receivedAt), options);
  if (envelope.type === "dev.drawbridge.approvaltask")
    return unlessExcluded(taskEventOf(envelope, receivedAt, options), options);
  const kind = kindOf(envelope.type);
  if (!kind) return { outcome: "ignored", kind: cut(envelope.type, EVENT_LIMITS.title) };
  const data = envelope.data();
  if ("problem" in data) return { outcome: "unusable", problem: data.problem };
  const read = v.safeParse(payload, data.value);
  if (!read.success) return { outcome: "unusable", problem: problemOf(read.issues[0]) };
  const found = read.output[kind];
  if (!found) return { outcome: "unusable", problem: `the event has no \`${kind}\`` };
  const { namespace, name } = found.metadata;
  const exclusion = excluded(`${namespace}/${name}`, options);
  if (exclusion) return exclusion;
  const status = runStatusOf(kind, found, receivedAt);
  const ageMs = receivedAt - Date.parse(status.time);
  // After a restart Tekton reports the last state of every run in the cluster again. Runs that the bridge started are
  // read even if they are old; all others would be a flood of old events.
  if (isTerminal(status.state) && ageMs > options.maxAgeHours * HOUR_MS && !status.origin?.delivery) {
    return { outcome: "ignored", kind: "old terminal event" };
  }
  if (isOfProbe(found, status)) {
    const part = kind === "pipelineRun" ? "build" : "job";
    return { outcome: "ignored", kind: `${PROBE_KIND}${part}.${status.state}`, subject: `${namespace}/${name}` };
  }
  const originProof = presentedProof(kind, found, status.origin);
  return { outcome: "event", events: [eventOf(kind, found, status, options)], ...(originProof && { originProof }) };
}

/**
 * Whether a run is one of `drawbridge check --live`. Its events must fire no route. A run that claims to be caused by a
 * delivery is not one, so that no run that the bridge waits for can be hidden by its name.
 */
const isOfProbe = (run: Run, { origin }: RunStatus): boolean =>
  origin?.delivery === undefined && isProbeRun(parentOf(run).name ?? run.metadata.name);

function unlessExcluded(reading: Reading, options: ReadingOptions): Reading {
  const subject = reading.outcome === "event" ? reading.events[0].subject : undefined;
  return (subject && excluded(subject, options)) || reading;
}

/** The reading of an event about `subject`, `<namespace>/<name>`, if the source does not list that namespace. */
function excluded(subject: string, { source, namespaces }: ReadingOptions): Reading | undefined {
  const namespace = subject.split("/", 1)[0] ?? "";
  if (isListed(namespace, namespaces)) return undefined;
  const excludedFor = { reason: "namespace_not_listed", namespace, source } as const;
  return { outcome: "ignored", excludedFor, subject };
}

function kindOf(type: string): RunKind | undefined {
  const [, kind] = /^dev\.tekton\.event\.(pipelinerun|taskrun|customrun)\.[a-z]+\.v1$/.exec(type) ?? [];
  return KINDS.get(kind ?? "");
}

const KINDS: ReadonlyMap<string, RunKind> = new Map([
  ["pipelinerun", "pipelineRun"],
  ["taskrun", "taskRun"],
  ["customrun", "customRun"],
]);

/** Names only the place: valibot's own message would quote the payload. */
const problemOf = (issue: v.BaseIssue<unknown>): string =>
  `the event is not as documented at \`${v.getDotPath(issue) ?? "its root"}\``;

const HOUR_MS = 3_600_000;
