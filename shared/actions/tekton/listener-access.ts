import { accountOf, type KubernetesObject, type Listener, listenerLabel } from "./listener.ts";

/**
 * The service account of a listener, its rights, and who may reach it. The listener takes requests that nobody has
 * authenticated, so it has no right that its work does not need: it reads the objects that say what a request starts, and
 * creates runs. It reads no Secret (the interceptors compare secrets, with an account of their own), creates nothing but
 * runs, and acts as no other account.
 *
 * A name has the namespace and the listener with a colon between them, which no name of either has, so two listeners have
 * different names. The names differ from those of the roles that Tekton's examples bind, whose `roleRef` cannot change.
 */
export function listenerAccess(listener: Listener): readonly KubernetesObject[] {
  const { name, namespace } = listener;
  const labels = listenerLabel(listener);
  const inNamespace = { name: `drawbridge:${name}`, namespace, labels };
  const inCluster = { name: `drawbridge:${namespace}:${name}` };
  const subjects = [{ kind: "ServiceAccount", name: accountOf(listener), namespace }];
  const account: KubernetesObject = {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: accountOf(listener), namespace, labels },
  };
  return [
    account,
    rbac({ kind: "Role", metadata: inNamespace, rules: [reading(NAMESPACED), CREATING_RUNS] }),
    rbac({ kind: "RoleBinding", metadata: inNamespace, subjects, roleRef: ref("Role", inNamespace.name) }),
    rbac({ kind: "ClusterRole", metadata: inCluster, rules: [reading(OF_THE_CLUSTER)] }),
    rbac({ kind: "ClusterRoleBinding", metadata: inCluster, subjects, roleRef: ref("ClusterRole", inCluster.name) }),
    ...networkPolicy(listener),
  ];
}

const GROUP = "rbac.authorization.k8s.io";
const rbac = <T extends Omit<KubernetesObject, "apiVersion">>(object: T) => ({ apiVersion: `${GROUP}/v1`, ...object });
const ref = (kind: string, name: string) => ({ apiGroup: GROUP, kind, name });

/** What the listener looks up for each request, in its own namespace. */
const NAMESPACED = ["eventlisteners", "interceptors", "triggerbindings", "triggers", "triggertemplates"];
/** The same for the whole cluster. Triggers does not start without them, also if no trigger uses one. */
const OF_THE_CLUSTER = ["clusterinterceptors", "clustertriggerbindings"];

const reading = (resources: readonly string[]) => ({
  apiGroups: ["triggers.tekton.dev"],
  resources,
  verbs: ["get", "list", "watch"],
});

const CREATING_RUNS = { apiGroups: ["tekton.dev"], resources: ["pipelineruns"], verbs: ["create"] };

/** Triggers gives the listener's pods these labels, and the port. */
function networkPolicy(listener: Listener): readonly KubernetesObject[] {
  const { name, namespace, allowFrom } = listener;
  if (allowFrom === undefined) return [];
  const policy = {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: accountOf(listener), namespace, labels: listenerLabel(listener) },
    spec: {
      podSelector: { matchLabels: { "app.kubernetes.io/managed-by": "EventListener", eventlistener: name } },
      policyTypes: ["Ingress"],
      ingress: [
        {
          from: allowFrom.map(({ namespace: from, pods }) => ({
            namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": from } },
            ...(Object.keys(pods).length > 0 && { podSelector: { matchLabels: pods } }),
          })),
          ports: [{ protocol: "TCP", port: LISTENER_PORT }],
        },
      ],
    },
  };
  return [policy];
}

const LISTENER_PORT = 8080;
