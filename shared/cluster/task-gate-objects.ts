import { checkName, partObjects } from "./part-objects.ts";

interface TaskGateObjectOptions {
  readonly namespace: string;
  readonly image: string;
  readonly source: string;
  readonly tokenAudience: string;
  /** Whose tasks are decided. */
  readonly taskNamespaces: readonly string[];
  /** Whose runs may be cancelled. */
  readonly runNamespaces: readonly string[];
}

const TASK_GATE = { name: "drawbridge-gate", port: 8080 } as const;
const API_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * The objects of the process that lets the bridge decide tasks inside runs. It is the only part with rights in the cluster:
 * in the namespaces that are named it reads and updates tasks, where the admission webhook limits it to its own input, and
 * reads the CustomRuns that wait for them. Only in those whose runs it may cancel it reads and patches PipelineRuns.
 */
export function taskGateObjects({
  namespace,
  image,
  source,
  tokenAudience,
  taskNamespaces,
  runNamespaces,
}: TaskGateObjectOptions): readonly object[] {
  const { name, port } = TASK_GATE;
  for (const one of taskNamespaces) checkName("--task-namespaces", one);
  for (const one of runNamespaces) checkName("--run-namespaces", one);
  const given = { "--task-namespaces": taskNamespaces, "--run-namespaces": runNamespaces };
  const sources = [
    { serviceAccountToken: { expirationSeconds: 3_600, path: "token" } },
    { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
  ];
  const api = { name: "api", projected: { sources } };
  return [
    ...partObjects({
      name,
      namespace,
      image,
      args: [
        "start",
        "--as",
        "gate",
        "--source",
        source,
        ...Object.entries(given).flatMap(([option, names]) => (names.length === 0 ? [] : [option, names.join(",")])),
      ],
      port,
      scheme: "HTTP",
      tokenAudience,
      volumes: [{ mount: API_FOLDER, volume: api }],
      // Node reads further authorities from this file alone.
      env: { NODE_EXTRA_CA_CERTS: `${API_FOLDER}/ca.crt` },
    }),
    ...[...new Set([...taskNamespaces, ...runNamespaces])].flatMap((one) =>
      rightsIn(one, namespace, [
        ...(taskNamespaces.includes(one) ? TASK_RIGHTS : []),
        ...(runNamespaces.includes(one) ? RUN_RIGHTS : []),
      ]),
    ),
  ];
}

const TASK_RIGHTS = [
  { apiGroups: ["openshift-pipelines.org"], resources: ["approvaltasks"], verbs: ["list", "update"] },
  { apiGroups: ["tekton.dev"], resources: ["customruns"], verbs: ["get"] },
];
const RUN_RIGHTS = [{ apiGroups: ["tekton.dev"], resources: ["pipelineruns"], verbs: ["get", "patch"] }];

function rightsIn(own: string, namespace: string, rules: readonly object[]): readonly object[] {
  const { name } = TASK_GATE;
  const metadata = { name, namespace: own };
  return [
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata,
      rules,
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
      subjects: [{ kind: "ServiceAccount", name, namespace }],
    },
  ];
}
