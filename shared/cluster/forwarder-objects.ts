import { partObjects } from "./part-objects.ts";

interface ForwarderObjectOptions {
  readonly namespace: string;
  readonly image: string;
  readonly source: string;
  readonly tokenAudience: string;
}

export const FORWARDER = { name: "drawbridge-forwarder", port: 8080 } as const;
const PASSWORD_FOLDER = "/etc/drawbridge/sink";
const DATA_FOLDER = "/var/lib/drawbridge";

/**
 * The objects of a forwarder. The passwords of the sink's address are in the Secret `drawbridge-forwarder-sink`, under the
 * key `passwords`, and its queue is on a volume that outlives the pod.
 */
export function forwarderObjects({
  namespace,
  image,
  source,
  tokenAudience,
}: ForwarderObjectOptions): readonly object[] {
  const { name, port } = FORWARDER;
  const password = { name: "sink", secret: { secretName: `${name}-sink` } };
  const data = { name: "queue", persistentVolumeClaim: { claimName: name } };
  return [
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name, namespace },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "3Gi" } } },
    },
    ...partObjects({
      name,
      namespace,
      image,
      args: [
        "start",
        "--as",
        "forwarder",
        "--source",
        source,
        "--password",
        `${PASSWORD_FOLDER}/passwords`,
        "--data",
        `${DATA_FOLDER}/queue`,
      ],
      port,
      scheme: "HTTP",
      tokenAudience,
      volumes: [
        { mount: PASSWORD_FOLDER, volume: password },
        { mount: DATA_FOLDER, volume: data },
      ],
      callers: EVENTS_CONTROLLER,
    }),
  ];
}

/** The only pods that send a cluster's events since Pipelines 1.12. */
const EVENTS_CONTROLLER = {
  namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "tekton-pipelines" } },
  podSelector: {
    matchLabels: { "app.kubernetes.io/name": "events", "app.kubernetes.io/part-of": "tekton-pipelines" },
  },
};

/**
 * The ConfigMap that makes Tekton send its events to an address. Its client decodes user and password of the address
 * (https://pkg.go.dev/net/url#URL), so both are encoded; with a raw slash in the password it sends nothing.
 */
export function sinkObject(
  address: URL,
  { user, password }: { readonly user: string; readonly password: string },
): object {
  const withPassword = `${address.protocol}//${encoded(user)}:${encoded(password)}@${address.host}${address.pathname}`;
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "config-events", namespace: "tekton-pipelines" },
    data: { formats: "tektonv1", sink: withPassword },
  };
}

/** Every character but the unreserved ones of https://www.rfc-editor.org/rfc/rfc3986#section-2.3. */
const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
