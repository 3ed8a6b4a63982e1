import * as v from "valibot";
import { type EpochMillis, toIso } from "../../host/clock.ts";
import { cut, EVENT_LIMITS } from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import { present } from "../payload.ts";
import { isoTime } from "../time.ts";
import type { Envelope } from "./envelope.ts";
import { pipelineOf } from "./pipeline-name.ts";
import { name, parentOf, run, uid } from "./run.ts";
import { type EventOptions, pageOf } from "./run-event.ts";
import { presentedProof, runStatusOf } from "./run-status.ts";

/**
 * Reads the report of the bridge's own process in the cluster about an `ApprovalTask`, with the CustomRun that owns it
 * (https://github.com/openshift-pipelines/manual-approval-gate). The state decides which event it is.
 */
export function taskEventOf(envelope: Envelope, receivedAt: EpochMillis, { dashboard }: EventOptions): Reading {
  const data = envelope.data();
  const read = "value" in data ? v.safeParse(report, data.value) : undefined;
  if (!read?.success) return { outcome: "unusable", problem: "the event has no usable task with its run" };
  const { customRun, approvalTask: task } = read.output;
  const { namespace, labels, uid: ownUid } = customRun.metadata;
  const { origin } = runStatusOf("customRun", customRun, receivedAt);
  const parent = parentOf(customRun);
  const originProof = presentedProof("customRun", customRun, origin);
  return {
    outcome: "event",
    events: [
      {
        type: `approval.${TYPES[task.state]}`,
        keyParts: ["approvaltask", task.uid, task.state],
        time: isoTime(envelope.time) ?? toIso(receivedAt),
        subject: `${namespace}/${task.name}`,
        approval: {
          system: "tekton",
          build: parent.uid ?? ownUid,
          pipeline: pipelineOf("customRun", customRun),
          step: cut(labels["tekton.dev/pipelineTask"] || task.name, EVENT_LIMITS.title),
          ...present({
            url: dashboard && pageOf(dashboard, "pipelineRun", { namespace, name: parent.name ?? "" }),
            decidedBy: task.decidedBy && cut(task.decidedBy, EVENT_LIMITS.title),
          }),
          task: task.uid,
        },
        ...(origin && { origin }),
      },
    ],
    ...(originProof && { originProof }),
  };
}

const TYPES = { pending: "requested", approved: "granted", rejected: "denied", deleted: "denied" } as const;

const report = v.object({
  customRun: run,
  approvalTask: v.object({
    name,
    uid,
    state: v.picklist(["pending", "approved", "rejected", "deleted"]),
    decidedBy: v.nullish(v.string()),
  }),
});
