import * as v from "valibot";

const text = v.nullish(v.string());
/** https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ */
const name = v.pipe(v.string(), v.maxLength(253), v.regex(/^[a-z0-9][a-z0-9.-]*$/));
const uid = v.pipe(v.string(), v.nonEmpty(), v.maxLength(63));
const label = v.nullish(v.pipe(v.string(), v.maxLength(63)));
const values = v.nullish(v.array(v.object({ name: v.string(), value: v.optional(v.unknown()) })), []);
const reference = v.nullish(v.object({ name: v.nullish(v.pipe(v.string(), v.maxLength(253))) }), {});

/**
 * The members that are read of a PipelineRun, a TaskRun or a CustomRun. Events have the v1beta1 format whatever the
 * cluster stores. The names of the v1 API are read too (https://tekton.dev/docs/pipelines/pipeline-api/).
 */
const run = v.object({
  metadata: v.object({
    name,
    namespace: name,
    uid,
    creationTimestamp: text,
    labels: v.nullish(
      v.object({
        "tekton.dev/pipeline": label,
        "tekton.dev/pipelineRunUID": label,
        "tekton.dev/pipelineTask": label,
        "tekton.dev/task": label,
        "triggers.tekton.dev/triggers-eventid": label,
      }),
      {},
    ),
    annotations: v.nullish(v.object({ "drawbridge.dev/delivery": text, "drawbridge.dev/started-by": text }), {}),
    ownerReferences: v.nullish(v.array(v.object({ kind: v.string(), uid })), []),
  }),
  spec: v.nullish(v.object({ pipelineRef: reference, taskRef: reference, customRef: reference, params: values }), {}),
  status: v.nullish(
    v.object({
      conditions: v.nullish(
        v.array(
          v.object({
            type: v.string(),
            status: v.picklist(["True", "False", "Unknown"]),
            reason: text,
            message: text,
            lastTransitionTime: text,
          }),
        ),
        [],
      ),
      /** The earlier tries of a TaskRun. */
      retriesStatus: v.nullish(v.array(v.unknown())),
      startTime: text,
      completionTime: text,
      pipelineResults: values,
      taskResults: values,
      results: values,
    }),
    {},
  ),
});

/** An event has one of the three. Its type determines which. */
export const payload = v.object({
  pipelineRun: v.optional(run),
  taskRun: v.optional(run),
  customRun: v.optional(run),
});

export type RunKind = keyof v.InferOutput<typeof payload>;
export type Run = v.InferOutput<typeof run>;
