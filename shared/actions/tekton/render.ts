import { stringify } from "yaml";
import { Fault } from "../../host/fault.ts";

/** The part of a route that a TriggerTemplate needs. */
interface RenderedRoute {
  readonly name: string;
  /** Names of its `do.tekton.params`. */
  readonly params: readonly string[];
}

interface RenderOptions {
  /** The namespace of all objects. */
  readonly namespace: string;
  /** Name of the EventListener. Its Service is `el-<listener>`. */
  readonly listener: string;
  /** Name of the Pipeline that the route runs. */
  readonly pipeline: string;
  /** The service account that the Pipeline's tasks use. It is not created here and is not the listener's. */
  readonly serviceAccount: string;
}

/**
 * Renders the Kubernetes objects for one route as one YAML stream: an EventListener with its service account and roles,
 * the binding that reads the bridge's request, and the template that creates one PipelineRun for each event. Throws
 * `configuration_invalid` for a name that Kubernetes would reject.
 */
export function renderTekton(route: RenderedRoute, options: RenderOptions): string {
  checkName("route", route.name, ROUTE_NAME_LENGTH);
  checkName("namespace", options.namespace, LABEL_LENGTH);
  checkName("listener", options.listener, LISTENER_NAME_LENGTH);
  checkName("pipeline", options.pipeline, LABEL_LENGTH);
  checkName("service account", options.serviceAccount, LABEL_LENGTH);
  const objects = [
    ...access(options),
    triggerBinding(route, options),
    triggerTemplate(route, options),
    eventListener(route, options),
  ];
  // Every value is quoted: YAML 1.1 parsers do not read `no`, `1e3` and `12:30` as text.
  return objects
    .map((object) => stringify(object, { defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN", lineWidth: 0 }))
    .join("---\n");
}

/** A run's name is the route, a dash and an event key of 28 characters. Tekton allows 63. */
const ROUTE_NAME_LENGTH = 34;
/** https://github.com/tektoncd/triggers/blob/main/docs/eventlisteners.md: `el-` is added in front. */
const LISTENER_NAME_LENGTH = 60;
const LABEL_LENGTH = 63;

function checkName(what: string, name: string, longest: number): void {
  if (name.length <= longest && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name)) return;
  const message = `${what} "${name}": a Kubernetes name has a-z, 0-9 and inner dashes, at most ${longest} characters`;
  throw new Fault("configuration_invalid", message, { retryable: false });
}

/**
 * The service account of the listener, with the two roles that Tekton Triggers installs for listeners
 * (https://github.com/tektoncd/triggers/blob/main/examples/rbac.yaml).
 */
function access({ namespace, listener }: RenderOptions): readonly object[] {
  const name = accountOf(listener);
  const account = { kind: "ServiceAccount", name, namespace };
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } },
    {
      apiVersion: RBAC,
      kind: "RoleBinding",
      metadata: { name, namespace },
      subjects: [account],
      roleRef: clusterRole("tekton-triggers-eventlistener-roles"),
    },
    {
      apiVersion: RBAC,
      kind: "ClusterRoleBinding",
      metadata: { name: `${name}-${namespace}` },
      subjects: [account],
      roleRef: clusterRole("tekton-triggers-eventlistener-clusterroles"),
    },
  ];
}

const RBAC = "rbac.authorization.k8s.io/v1";
const accountOf = (listener: string): string => `el-${listener}`;
const clusterRole = (name: string) => ({ apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name });

/** Params that the bridge itself adds. Their names contain a dash, which no param of a route can have. */
const OWN_PARAMS: readonly { readonly name: string; readonly value: string }[] = [
  { name: "delivery-key", value: "$(body.delivery.key)" },
  { name: "delivery-id", value: "$(body.delivery.id)" },
  { name: "started-by", value: "$(body.actor.id)" },
];

function triggerBinding(route: RenderedRoute, { namespace }: RenderOptions): object {
  const params = route.params.map((name) => ({ name, value: `$(body.params.${name})` }));
  return {
    apiVersion: TRIGGERS,
    kind: "TriggerBinding",
    metadata: { name: route.name, namespace },
    spec: { params: [...OWN_PARAMS, ...params] },
  };
}

const TRIGGERS = "triggers.tekton.dev/v1beta1";

/**
 * The run's name is fixed for an event, so a second creation fails and a repeated request is harmless. Every CloudEvent
 * of the run and of its tasks contains the annotations.
 */
function triggerTemplate(route: RenderedRoute, { namespace, pipeline, serviceAccount }: RenderOptions): object {
  const pipelineRun = {
    apiVersion: "tekton.dev/v1",
    kind: "PipelineRun",
    metadata: {
      name: `${route.name}-$(tt.params.delivery-key)`,
      annotations: {
        "drawbridge.dev/delivery": "$(tt.params.delivery-id)",
        "drawbridge.dev/started-by": "$(tt.params.started-by)",
      },
    },
    spec: {
      pipelineRef: { name: pipeline },
      params: route.params.map((name) => ({ name, value: `$(tt.params.${name})` })),
      taskRunTemplate: { serviceAccountName: serviceAccount },
    },
  };
  const optionalParams = ["started-by", ...route.params];
  return {
    apiVersion: TRIGGERS,
    kind: "TriggerTemplate",
    metadata: { name: route.name, namespace },
    spec: {
      // A request without a key or an id is not from the bridge and must not start a run, so these two have no default.
      params: [
        { name: "delivery-key" },
        { name: "delivery-id" },
        ...optionalParams.map((name) => ({ name, default: "" })),
      ],
      resourcetemplates: [pipelineRun],
    },
  };
}

/** The filter compares the route's name, because two routes of one listener may match the same event. */
function eventListener(route: RenderedRoute, { namespace, listener }: RenderOptions): object {
  const filter = `header.match("Drawbridge-Route", "${route.name}") && has(body.delivery.key)`;
  return {
    apiVersion: TRIGGERS,
    kind: "EventListener",
    metadata: { name: listener, namespace },
    spec: {
      serviceAccountName: accountOf(listener),
      triggers: [
        {
          name: route.name,
          interceptors: [
            { ref: { name: "cel", kind: "ClusterInterceptor" }, params: [{ name: "filter", value: filter }] },
          ],
          bindings: [{ ref: route.name }],
          template: { ref: route.name },
        },
      ],
    },
  };
}
