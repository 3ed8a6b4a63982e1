import * as v from "valibot";
import { noList } from "../payload.ts";

/** A member that an event can do without: undefined if it is absent, null or of another kind. */
const optional = <Schema extends v.GenericSchema>(schema: Schema) => v.fallback(v.optional(schema), undefined);

const text = optional(v.string());
/** A text that decides the state, the pipeline or the origin: of another kind, it makes the event unusable. */
const decidingText = v.pipe(
  v.nullish(v.string()),
  v.transform((found) => found ?? undefined),
);
const texts = v.nullish(v.record(v.string(), decidingText), {});
/** https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ */
export const name = v.pipe(v.string(), v.maxLength(253), v.regex(/^[a-z0-9][a-z0-9.-]*$/));
export const uid = v.pipe(v.string(), v.nonEmpty(), v.maxLength(63));
const value = v.object({ name: v.string(), value: v.optional(v.unknown()) });
const params = v.nullish(v.array(value), []);
const results = v.pipe(
  v.fallback(v.array(optional(value)), []),
  v.transform((items) => items.filter((item) => item !== undefined)),
);
const reference = v.nullish(v.object({ name: decidingText, resolver: decidingText, params }));
/** One wrong step makes the whole list empty: the exit code of a later one would pass for that of the task. */
const steps = v.fallback(
  v.array(
    v.pipe(
      noList,
      v.object({
        terminationReason: decidingText,
        terminated: v.nullish(v.pipe(noList, v.object({ exitCode: v.nullish(v.pipe(v.number(), v.safeInteger())) }))),
      }),
    ),
  ),
  [],
);

/** The condition that has the state. Of the others, only the type is read. */
const succeeded = v.object({
  type: v.literal("Succeeded"),
  status: v.picklist(["True", "False", "Unknown"]),
  reason: decidingText,
  message: text,
  lastTransitionTime: text,
});
const otherCondition = v.object({
  type: v.pipe(
    v.string(),
    v.check((type) => type !== "Succeeded"),
  ),
});

const spec = v.object({ pipelineRef: reference, taskRef: reference, customRef: reference, params });
const status = v.object({
  conditions: v.nullish(v.array(v.union([succeeded, otherCondition])), []),
  /** The earlier tries of a TaskRun. */
  retriesStatus: v.fallback(v.array(v.fallback(v.object({ steps }), { steps: [] })), []),
  startTime: text,
  completionTime: text,
  podName: text,
  steps,
  pipelineResults: results,
  taskResults: results,
  results,
});

/**
 * The members that are read of a PipelineRun, a TaskRun or a CustomRun. Events have the v1beta1 format whatever the
 * cluster stores. The names of the v1 API are read too (https://tekton.dev/docs/pipelines/pipeline-api/).
 */
export const run = v.object({
  metadata: v.object({
    name,
    namespace: name,
    uid,
    generateName: decidingText,
    creationTimestamp: text,
    labels: texts,
    annotations: texts,
    ownerReferences: v.nullish(v.array(v.object({ kind: decidingText, name: decidingText, uid: decidingText })), []),
  }),
  spec: v.nullish(spec, {}),
  status: v.pipe(v.nullish(noList, {}), status),
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
