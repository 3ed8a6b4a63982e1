import { PROBE_ROUTE, probeRunOf } from "../../model/probe-run.ts";
import { type KubernetesObject, type Listener, listenerLabel } from "./listener.ts";
import type { RunSettings } from "./manifest-settings.ts";

/** The part of a route that its Trigger needs. */
interface TriggerRoute {
  readonly name: string;
  /** Its `do.tekton.params`: a template for each name. */
  readonly params: Readonly<Record<string, string>>;
  readonly run?: RunSettings | undefined;
  readonly isApproved: boolean;
}

/**
 * Returns the objects of one route: the binding that reads the bridge's request, the template that creates one PipelineRun
 * for each event, and the Trigger that joins them. They have the route's name.
 */
export function triggerObjects(listener: Listener, route: TriggerRoute): readonly KubernetesObject[] {
  const metadata = { name: route.name, namespace: listener.namespace, labels: listenerLabel(listener) };
  return [
    object("TriggerBinding", metadata, { params: bindingParams(route) }),
    object("TriggerTemplate", metadata, template(route)),
    object("Trigger", metadata, {
      interceptors: interceptors(listener, route, [{ key: "spanContext", expression: SPAN_CONTEXT }]),
      bindings: [{ kind: "TriggerBinding", ref: route.name }],
      template: { ref: route.name },
    }),
  ];
}

const object = (kind: string, metadata: KubernetesObject["metadata"], spec: object) => ({
  apiVersion: "triggers.tekton.dev/v1beta1",
  kind,
  metadata,
  spec,
});

/** The param of the Pipeline with the commit or version that people approved. */
const APPROVED_REF = "drawbridge-approved-ref";

/** The param of the Pipeline with all values of the request, also those that are unsafe in a template. */
const PAYLOAD = "drawbridge-payload";

/** Params that the bridge itself adds. Their names contain a dash, which no param of a route can have. */
const OWN_PARAMS: readonly { readonly name: string; readonly value: string }[] = [
  { name: "delivery-key", value: "$(body.delivery.key)" },
  { name: "delivery-id", value: "$(body.delivery.id)" },
  { name: "delivery-proof", value: "$(body.delivery.proof)" },
  { name: "started-by", value: "$(body.actor.id)" },
  { name: "span-context", value: "$(extensions.spanContext)" },
];

/** The params of the Pipeline, each with what the binding reads for it. */
const pipelineParams = ({ params, isApproved }: TriggerRoute) => [
  { name: PAYLOAD, value: "$(body.payload)" },
  ...(isApproved ? [{ name: APPROVED_REF, value: "$(body.delivery.approvedRef)" }] : []),
  ...Object.keys(params).map((name) => ({ name, value: `$(body.params.${name})` })),
];

const bindingParams = (route: TriggerRoute) => [...OWN_PARAMS, ...pipelineParams(route)];

/**
 * The run's name is fixed for an event, so a second creation fails and a repeated request is harmless. Every CloudEvent
 * of the run and of its tasks contains the annotations. The span context joins the run to the trace of the delivery
 * (https://github.com/tektoncd/pipeline/blob/main/docs/developers/tracing.md).
 */
function template(route: TriggerRoute): object {
  const { pipeline = route.name, serviceAccount = "default", timeouts, labels = {}, workspaces = {} } = route.run ?? {};
  const params = pipelineParams(route).map(({ name }) => name);
  const volumes = Object.entries(workspaces).map(([name, volume]) => ({ name, ...volumeOf(volume) }));
  const pipelineRun = {
    apiVersion: "tekton.dev/v1",
    kind: "PipelineRun",
    metadata: {
      name: `${route.name}-$(tt.params.delivery-key)`,
      ...(Object.keys(labels).length > 0 && { labels }),
      annotations: {
        "drawbridge.dev/delivery": "$(tt.params.delivery-id)",
        "drawbridge.dev/proof": "$(tt.params.delivery-proof)",
        "drawbridge.dev/started-by": "$(tt.params.started-by)",
        "tekton.dev/pipelinerunSpanContext": "$(tt.params.span-context)",
      },
    },
    spec: {
      pipelineRef: { name: pipeline },
      params: params.map((name) => ({ name, value: `$(tt.params.${name})` })),
      taskRunTemplate: { serviceAccountName: serviceAccount },
      ...(timeouts && { timeouts }),
      ...(volumes.length > 0 && { workspaces: volumes }),
    },
  };
  // A request without a key or an id is not from the bridge and must not start a run, so these two have no default.
  const withDefault = bindingParams(route).filter(({ name }) => !["delivery-key", "delivery-id"].includes(name));
  return {
    params: [
      { name: "delivery-key" },
      { name: "delivery-id" },
      ...withDefault.map(({ name }) => ({ name, default: "" })),
    ],
    resourcetemplates: [pipelineRun],
  };
}

type Workspace = RunSettings["workspaces"][string];

function volumeOf({ size, claim, configMap, secret }: Workspace): object {
  if (size !== undefined) {
    const spec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: size } } };
    return { volumeClaimTemplate: { spec } };
  }
  if (claim !== undefined) return { persistentVolumeClaim: { claimName: claim } };
  return configMap === undefined ? { secret: { secretName: secret } } : { configMap: { name: configMap } };
}

/**
 * Returns the trigger of `drawbridge check --live`. It is a part of the listener, so it has a name that only the listener
 * knows. The one task of its run is skipped, so the run makes no pod and needs no image and no account.
 */
export function probeTrigger(listener: Listener): object {
  const key = "delivery-key";
  const task = {
    name: "skipped",
    when: [{ input: "probe", operator: "in", values: ["none"] }],
    taskSpec: { steps: [{ name: "none", image: "none" }] },
  };
  const pipelineRun = {
    apiVersion: "tekton.dev/v1",
    kind: "PipelineRun",
    metadata: { name: probeRunOf(`$(tt.params.${key})`) },
    spec: { pipelineSpec: { tasks: [task] } },
  };
  return {
    name: PROBE_ROUTE,
    interceptors: interceptors(listener, { name: PROBE_ROUTE, params: {}, isApproved: false }, []),
    bindings: [{ name: key, value: "$(body.delivery.key)" }],
    template: { spec: { params: [{ name: key }], resourcetemplates: [pipelineRun] } },
  };
}

interface Overlay {
  readonly key: string;
  readonly expression: string;
}

/**
 * Triggers' own interceptor (https://tekton.dev/docs/triggers/cel_expressions/), and the bridge's behind it, which so is
 * asked only about requests of its route.
 */
function interceptors(listener: Listener, route: TriggerRoute, overlays: readonly Overlay[]): readonly object[] {
  const cel = {
    ref: { name: "cel", kind: "ClusterInterceptor" },
    params: [
      { name: "filter", value: filterOf(listener, route) },
      ...(overlays.length > 0 ? [{ name: "overlays", value: overlays }] : []),
    ],
  };
  const { audience } = listener;
  if (audience === undefined) return [cel];
  const verifying = {
    ref: { name: "drawbridge", kind: "ClusterInterceptor" },
    params: [
      { name: "route", value: route.name },
      { name: "audience", value: audience },
    ],
  };
  return [cel, verifying];
}

/**
 * Stops a request that is not for the route, which comes first so that nothing else is looked up for it; one without the
 * listener's secret; and a run whose commit is not the approved one.
 */
const filterOf = ({ secret }: Listener, route: TriggerRoute): string =>
  [
    `header.match("Drawbridge-Route", "${route.name}")`,
    "has(body.delivery.key)",
    ...(secret === undefined ? [] : [comparedWith(secret)]),
    ...(route.isApproved ? approvedFilter(route) : []),
  ].join(" && ");

/**
 * The bridge sends `Bearer` and the token. The Secret has the token alone, as the configuration of the target has it, and
 * while it is changed a second one. Without that key the second comparison is an error, which stops the trigger too. A
 * request without a token would equal a key that is empty.
 */
function comparedWith(secret: string): string {
  const header = 'header.canonical("Authorization")';
  const comparisons = ["token", "next"].map(
    (key) => `${header}.replace("Bearer ", "").compareSecret("${key}", "${secret}")`,
  );
  return `${header}.matches("^Bearer .") && (${comparisons.join(" || ")})`;
}

/**
 * The span as Pipelines reads it, a JSON object of texts. Without a well-formed header it is empty, and then the run is the
 * root of a trace of its own.
 */
const TRACEPARENT = 'header.canonical("Traceparent")';
const SPAN_CONTEXT = `${TRACEPARENT}.matches("^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$") ? '{"traceparent":"' + ${TRACEPARENT} + '"}' : ""`;

/** Templates whose value is the reference that an approval of the event is bound to. */
const REFERENCES = ["$.detail.code.commit", "$.detail.release.commit", "$.detail.deployment.commit"];

function approvedFilter({ params }: TriggerRoute): readonly string[] {
  const commits = Object.entries(params).filter(([, source]) => REFERENCES.includes(source));
  return [
    "has(body.delivery.approvedRef)",
    ...commits.map(([name]) => `body.params.${name} == body.delivery.approvedRef`),
  ];
}
