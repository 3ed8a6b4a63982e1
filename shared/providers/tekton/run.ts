import * as v from "valibot";

/** A member that is absent, null or of another kind is undefined: an optional member never makes an event unusable. */
const optional = <Schema extends v.GenericSchema>(schema: Schema) => v.fallback(v.optional(schema), undefined);

const text = optional(v.string());
const texts = v.fallback(v.record(v.string(), text), {});
/** https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ */
const name = v.pipe(v.string(), v.maxLength(253), v.regex(/^[a-z0-9][a-z0-9.-]*$/));
const uid = v.pipe(v.string(), v.nonEmpty(), v.maxLength(63));
const values = v.fallback(
  v.array(v.fallback(v.object({ name: v.string(), value: v.optional(v.unknown()) }), { name: "", value: undefined })),
  [],
);
const reference = optional(v.object({ name: text, resolver: text, params: values }));
const steps = v.fallback(
  v.array(
    v.object({
      container: text,
      terminationReason: text,
      terminated: optional(v.object({ exitCode: optional(v.pipe(v.number(), v.safeInteger())) })),
    }),
  ),
  [],
);

const spec = v.object({ pipelineRef: reference, taskRef: reference, customRef: reference, params: values });
const status = v.object({
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
  retriesStatus: v.fallback(v.array(v.fallback(v.object({ steps }), { steps: [] })), []),
  startTime: text,
  completionTime: text,
  podName: text,
  steps,
  pipelineResults: values,
  taskResults: values,
  results: values,
});

/**
 * The members that are read of a PipelineRun, a TaskRun or a CustomRun. Events have the v1beta1 format whatever the
 * cluster stores. The names of the v1 API are read too (https://tekton.dev/docs/pipelines/pipeline-api/).
 */
const run = v.object({
  metadata: v.object({
    name,
    namespace: name,
    uid,
    generateName: text,
    creationTimestamp: text,
    labels: texts,
    annotations: texts,
    ownerReferences: v.fallback(v.array(v.object({ kind: text, name: text, uid: text })), []),
  }),
  spec: v.fallback(spec, () => v.parse(spec, {})),
  status: v.pipe(
    v.optional(v.unknown(), {}),
    v.transform((member) => member ?? {}),
    status,
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
export type Reference = v.InferOutput<typeof reference>;
export type NamedValue = Run["spec"]["params"][number];

/** Name and uid of the PipelineRun that a run is part of. Older versions set only one of the two labels. */
export function parentOf({ metadata: { labels, ownerReferences } }: Run): {
  readonly name: string | undefined;
  readonly uid: string | undefined;
} {
  const owner = ownerReferences.find(({ kind }) => kind === "PipelineRun");
  return {
    name: labels["tekton.dev/pipelineRun"] || owner?.name,
    uid: shortText(labels["tekton.dev/pipelineRunUID"] || owner?.uid),
  };
}

/** A text that Kubernetes allows as the value of a label, or undefined. */
const shortText = (value: string | undefined): string | undefined => (value && value.length <= 63 ? value : undefined);

/** The value of the first of the named params that is a text and matches. */
export function paramOf(params: readonly NamedValue[], names: readonly string[], shape = /./): string | undefined {
  for (const { name, value } of params) {
    if (names.includes(name) && typeof value === "string" && shape.test(value)) return value;
  }
  return undefined;
}

/** Text from the cluster without the credentials that an address in it may have. A password may contain an `@`. */
export const withoutCredentials = (value: string): string => value.replace(/:\/\/[^\s/?#]*@/g, "://");
