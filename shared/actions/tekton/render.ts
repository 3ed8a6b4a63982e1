import { stringify } from "yaml";
import { Fault } from "../../host/fault.ts";

/** What a TriggerTemplate has to know of a route. */
interface RenderedRoute {
  readonly name: string;
  /** Names of its `do.tekton.params`. */
  readonly params: readonly string[];
}

interface RenderOptions {
  /** Where everything is created. */
  readonly namespace: string;
  /** Name of the EventListener; its Service is `el-<listener>`. */
  readonly listener: string;
  /** Name of the Pipeline that the route runs. */
  readonly pipeline: string;
  /** The account that the Pipeline's tasks run as. It is not created here, and is not the listener's. */
  readonly serviceAccount: string;
}

/**
 * The Kubernetes objects that fit one route, as one YAML stream: an EventListener with its account and rights, the
 * binding that reads the bridge's request, and the template that makes of it one PipelineRun for each event. Throws
 * `configuration_invalid` for a name that Kubernetes would refuse.
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
  // Every value is quoted: readers of older YAML take `no`, `1e3` and `12:30` for something else than text.
  return objects
    .map((object) => stringify(object, { defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN", lineWidth: 0 }))
    .join("---\n");
}

/** A run's name is the route, a dash and an event key of 28, and Tekton takes 63. */
const ROUTE_NAME_LENGTH = 34;
/** https://github.com/tektoncd/triggers/blob/main/docs/eventlisteners.md: `el-` is put in front. */
const LISTENER_NAME_LENGTH = 60;
const LABEL_LENGTH = 63;

function checkName(what: string, name: string, longest: number): void {
  if (name.length <= longest && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name)) return;
  const message = `${what} "${name}": a name for Kubernetes has a-z, 0-9 and dashes inside, at most ${longest} in all`;
  throw new Fault("configuration_invalid", message, { retryable: false });
}

/**
 * The account of the listener, with the two roles that Tekton Triggers installs for listeners
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

/** What the bridge itself puts into a run. A dash, which no param of a route has, keeps the two kinds of name apart. */
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
 * A fixed name makes the second creation for one event fail, which is what makes a repeated request harmless. The
 * annotations come back in every CloudEvent of the run and of its tasks.
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
  return {
    apiVersion: TRIGGERS,
    kind: "TriggerTemplate",
    metadata: { name: route.name, namespace },
    spec: {
      // Without a key or an id the request is not the bridge's and must start nothing, so those two have no default.
      params: [
        { name: "delivery-key" },
        { name: "delivery-id" },
        ...["started-by", ...route.params].map((name) => ({ name, default: "" })),
      ],
      resourcetemplates: [pipelineRun],
    },
  };
}

/** The filter reads the route, which no other request to this listener carries: two routes may meet the same event. */
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
