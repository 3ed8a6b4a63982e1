import { stringify } from "yaml";
import { Fault } from "../host/fault.ts";

/** A part of the bridge beside Tekton, as Kubernetes runs it. */
export interface Part {
  readonly name: string;
  readonly namespace: string;
  /** An image whose entry point is the command `drawbridge`. */
  readonly image: string;
  /** The command line of the part, without its address and its token. */
  readonly args: readonly string[];
  readonly port: number;
  readonly scheme: "HTTP" | "HTTPS";
  /** The audience of the part's token for the bridge. */
  readonly tokenAudience: string;
  readonly volumes: readonly { readonly mount: string; readonly volume: { readonly name: string } }[];
  /** The pods that may reach it; undefined: none. Others are shut out, if the cluster's network enforces policies. */
  readonly callers?: object;
  /** Variables of its environment. */
  readonly env?: Readonly<Record<string, string>>;
}

const TOKEN_FOLDER = "/var/run/secrets/drawbridge";
const HEALTH = { periodSeconds: 10, timeoutSeconds: 5 };

/**
 * A service account without rights, one pod, its Service and its NetworkPolicy. The pod has a token for the bridge, and none
 * for the API server unless a volume has one. It is replaced only after the old one has ended: each part has something that
 * one process may have.
 */
export function partObjects(part: Part): readonly object[] {
  const { name, namespace, image, args, port, scheme, tokenAudience, volumes, callers, env = {} } = part;
  checkName("namespace", namespace);
  const metadata = { name, namespace };
  const labels = { "app.kubernetes.io/name": name };
  const probe = (path: string) => ({ httpGet: { path, port, scheme }, ...HEALTH });
  const token = { serviceAccountToken: { audience: tokenAudience, expirationSeconds: 600, path: "token" } };
  const all = [{ mount: TOKEN_FOLDER, volume: { name: "token", projected: { sources: [token] } } }, ...volumes];
  const container = {
    name,
    image,
    args: [...args, "--host", "0.0.0.0", "--port", String(port), "--token", `${TOKEN_FOLDER}/token`],
    ...(Object.keys(env).length > 0 && { env: Object.entries(env).map(([key, value]) => ({ name: key, value })) }),
    ports: [{ containerPort: port }],
    readinessProbe: probe("/readyz"),
    livenessProbe: probe("/healthz"),
    resources: { requests: { cpu: "20m", memory: "96Mi" }, limits: { memory: "512Mi" } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    volumeMounts: all.map(({ mount, volume }) => ({ name: volume.name, mountPath: mount })),
  };
  const pod = {
    serviceAccountName: name,
    automountServiceAccountToken: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: USER,
      runAsGroup: USER,
      fsGroup: USER,
      seccompProfile: { type: "RuntimeDefault" },
    },
    containers: [container],
    volumes: all.map(({ volume }) => volume),
  };
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata, automountServiceAccountToken: false },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { ...metadata, labels },
      spec: {
        replicas: 1,
        strategy: { type: "Recreate" },
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: pod },
      },
    },
    { apiVersion: "v1", kind: "Service", metadata, spec: { selector: labels, ports: [{ port, targetPort: port }] } },
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata,
      spec: {
        podSelector: { matchLabels: labels },
        policyTypes: ["Ingress"],
        ingress: callers === undefined ? [] : [{ from: [callers], ports: [{ port }] }],
      },
    },
  ];
}

/** Not root, and not a user of the node. */
const USER = 65_532;

/** Throws `configuration_invalid` for a name that Kubernetes would reject. */
export function checkName(what: string, name: string): void {
  if (name.length <= 63 && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name)) return;
  const message = `${what} "${name}": a Kubernetes name has a-z, 0-9 and inner dashes, at most 63 characters`;
  throw new Fault("configuration_invalid", message, { retryable: false });
}

/** One YAML stream. Every value is quoted: YAML 1.1 parsers do not read `no`, `1e3` and `12:30` as text. */
export const yamlOf = (objects: readonly object[]): string =>
  objects
    .map((object) => stringify(object, { defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN", lineWidth: 0 }))
    .join("---\n");
