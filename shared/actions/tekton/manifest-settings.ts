import * as v from "valibot";

// Settings that only `drawbridge tekton render` uses. The action itself sends the same request with and without them.

/** The name of a namespace, a workspace or a listener: a label of DNS (RFC 1123). */
const labelName = (longest: number) =>
  v.pipe(
    v.string(),
    v.regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, "a Kubernetes name: a-z, 0-9 and dashes inside"),
    v.maxLength(longest, `at most ${longest} characters`),
    v.title("name in Kubernetes"),
  );

/** The name of another object, which may have dots (RFC 1123). */
const objectName = (longest: number) =>
  v.pipe(
    v.string(),
    v.regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/, "the name of a Kubernetes object"),
    v.maxLength(longest, `at most ${longest} characters`),
    v.title("name in Kubernetes"),
  );

const LABEL_LENGTH = 63;
const NAME_LENGTH = 253;
/** Tekton puts `el-` in front of it for the Service: https://tekton.dev/docs/triggers/eventlisteners/ */
const LISTENER_NAME_LENGTH = 60;

const labelKey = v.pipe(
  v.string(),
  v.regex(
    /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/,
    "the key of a label",
  ),
  v.check(
    (key) => !/(^|\.)(tekton|drawbridge)\.dev\//.test(key),
    "another key: Tekton and the bridge set the labels under tekton.dev and drawbridge.dev",
  ),
);
const labelValue = v.pipe(
  v.string(),
  v.regex(/^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/, "the value of a label, at most 63 characters"),
);
const labels = (description: string) =>
  v.optional(v.pipe(v.record(labelKey, labelValue), v.title("keys, each with a text"), v.description(description)), {});

/** Under a target's `listener`: the EventListener that is rendered for it. */
export const listenerSettings = v.strictObject({
  name: v.optional(
    v.pipe(
      labelName(LISTENER_NAME_LENGTH),
      v.description("Name of the EventListener. Its Service is `el-<name>`. Default: the target's name."),
    ),
  ),
  namespace: v.optional(
    v.pipe(
      labelName(LABEL_LENGTH),
      v.description("Namespace of the listener and of its runs. Default: the only one in `namespaces`."),
    ),
  ),
  secret: v.optional(
    v.pipe(
      objectName(NAME_LENGTH),
      v.description(
        "Name of a Kubernetes Secret in that namespace whose key `token` or `next` has the target's token. No run starts for a request without it. Needs `token`.",
      ),
    ),
  ),
  interceptor: v.optional(
    v.pipe(
      v.boolean(),
      v.description(
        "Each trigger asks Drawbridge's interceptor, which verifies the bridge's own token inside the cluster. Needs `identity.bridge`.",
      ),
    ),
    false,
  ),
  allowFrom: v.optional(
    v.pipe(
      v.array(
        v.strictObject({
          namespace: v.pipe(labelName(LABEL_LENGTH), v.description("Namespace of the pods.")),
          pods: labels("Labels of the pods. Without labels: every pod of the namespace."),
        }),
      ),
      v.minLength(1),
      v.description("The pods that may reach the listener, as a NetworkPolicy. Without it none is rendered."),
    ),
  ),
});
export type ListenerSettings = v.InferOutput<typeof listenerSettings>;

/** As Go reads it, and not 0, which is no timeout at all. */
const duration = (description: string) =>
  v.optional(
    v.pipe(
      v.string(),
      v.regex(/^(?=.*[1-9])(\d{1,4}h)?(\d{1,4}m)?(\d{1,5}s)?$/, "a duration such as 1h30m, over 0"),
      v.title("duration such as `1h30m`"),
      v.description(description),
    ),
  );

function secondsIn(text = ""): number {
  const of = (unit: string): number => Number(new RegExp(`(\\d+)${unit}`).exec(text)?.[1] ?? 0);
  return of("h") * 3_600 + of("m") * 60 + of("s");
}

const workspace = v.pipe(
  v.strictObject({
    size: v.optional(
      v.pipe(
        v.string(),
        v.regex(/^[1-9]\d{0,4}(Mi|Gi|Ti)$/, "a size such as 1Gi"),
        v.title("size such as `1Gi`"),
        v.description("A new volume of this size for each run, which is deleted with the run."),
      ),
    ),
    claim: v.optional(
      v.pipe(objectName(NAME_LENGTH), v.description("Name of a PersistentVolumeClaim, which all runs share.")),
    ),
    configMap: v.optional(v.pipe(objectName(NAME_LENGTH), v.description("Name of a ConfigMap."))),
    secret: v.optional(v.pipe(objectName(NAME_LENGTH), v.description("Name of a Secret."))),
  }),
  v.check((given) => Object.keys(given).length === 1, "exactly one of size, claim, configMap or secret"),
);

/** Under a route's `do.tekton.run`: what the rendered template gives each run. */
export const runSettings = v.strictObject({
  pipeline: v.optional(
    v.pipe(objectName(LABEL_LENGTH), v.description("Name of the Pipeline. Default: the route's name.")),
  ),
  serviceAccount: v.optional(
    v.pipe(
      objectName(NAME_LENGTH),
      v.description("Service account of the run's tasks. It is not created, and needs no right of the listener's."),
    ),
    "default",
  ),
  timeouts: v.optional(
    v.pipe(
      v.strictObject({
        pipeline: duration("The whole run."),
        tasks: duration("All tasks but those under `finally`. Needs `pipeline`."),
        finally: duration("The tasks under `finally`. Needs `pipeline`."),
      }),
      v.check(
        // Tekton rejects such a run when it is created, which is after the listener has accepted the request.
        ({ pipeline, tasks, finally: last }) => secondsIn(tasks) + secondsIn(last) <= secondsIn(pipeline),
        "tasks and finally together within pipeline, which they need",
      ),
      v.description("When Tekton ends the run. Default: the cluster's."),
    ),
  ),
  labels: labels("Labels of the run. Tekton adds them to its tasks and pods too."),
  workspaces: v.optional(
    v.pipe(
      v.record(labelName(LABEL_LENGTH), workspace),
      v.description("The volumes behind the Pipeline's workspaces."),
    ),
    {},
  ),
});
export type RunSettings = v.InferOutput<typeof runSettings>;
