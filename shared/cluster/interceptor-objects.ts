import { X509Certificate } from "node:crypto";
import { Fault } from "../host/fault.ts";
import { partObjects } from "./part-objects.ts";

interface InterceptorObjectOptions {
  readonly namespace: string;
  readonly image: string;
  readonly issuer: string;
  readonly source: string;
  readonly tokenAudience: string;
  /** PEM. Signed the certificate of the interceptor, whose name is `drawbridge-interceptor.<namespace>.svc`. */
  readonly ca: string;
}

const NAME = "drawbridge-interceptor";
const TLS_FOLDER = "/etc/drawbridge/tls";

/**
 * The objects of an interceptor. Its certificate and key are in the Secret `drawbridge-interceptor-tls`, which cert-manager
 * or a person makes. Throws `configuration_invalid` if `ca` has anything but certificates of authorities: an EventListener
 * ends if one ClusterInterceptor has an unusable one.
 */
export function interceptorObjects(options: InterceptorObjectOptions): readonly object[] {
  const { namespace, image, issuer, source, tokenAudience, ca } = options;
  const tls = { name: "tls", secret: { secretName: `${NAME}-tls` } };
  const port = 8443;
  const objects = partObjects({
    name: NAME,
    namespace,
    image,
    args: [
      "start",
      "--as",
      "interceptor",
      "--issuer",
      issuer,
      "--source",
      source,
      "--tls-cert",
      `${TLS_FOLDER}/tls.crt`,
      "--tls-key",
      `${TLS_FOLDER}/tls.key`,
    ],
    port,
    scheme: "HTTPS",
    tokenAudience,
    volumes: [{ mount: TLS_FOLDER, volume: tls }],
    // The pods of EventListeners, which may be in any namespace.
    callers: {
      namespaceSelector: {},
      podSelector: { matchLabels: { "app.kubernetes.io/managed-by": "EventListener" } },
    },
  });
  return [
    ...objects,
    {
      apiVersion: "triggers.tekton.dev/v1alpha1",
      kind: "ClusterInterceptor",
      // Listeners trust only the CAs of interceptors with this label.
      metadata: { name: "drawbridge", labels: { "server/type": "https" } },
      spec: {
        clientConfig: { caBundle: checkedCa(ca).toString("base64"), service: { name: NAME, namespace, port } },
      },
    },
  ];
}

/**
 * The certificates of a PEM text, written anew, so that nothing else of the file gets out. Go ends at what it cannot read,
 * such as a `TRUSTED CERTIFICATE`, and a private key does not belong into a ClusterInterceptor.
 */
function checkedCa(text: string): Buffer {
  const blocks = [...text.matchAll(PEM_BLOCK)];
  const labels = blocks.map(([, label = ""]) => label);
  const isWhole = blocks.length > 0 && !text.replace(PEM_BLOCK, "").includes("-----");
  if (!isWhole || labels.some((label) => label !== "CERTIFICATE")) {
    const other = labels.find((label) => label !== "CERTIFICATE");
    throw unusableCa(
      other === undefined ? "has no certificate in PEM" : `has a block "${other}"; give certificates only`,
    );
  }
  return Buffer.from(blocks.map(([block]) => authorityIn(block).toString()).join(""), "utf8");
}

const PEM_BLOCK = /^-----BEGIN ([A-Z0-9 ]{1,40})-----\r?\n[^-]*^-----END \1-----$\r?/gm;

function authorityIn(block: string): X509Certificate {
  try {
    const certificate = new X509Certificate(block);
    if (certificate.ca) return certificate;
  } catch {
    // The error's text is OpenSSL's.
  }
  throw unusableCa("has a certificate that is none of an authority, or is damaged");
}

const unusableCa = (problem: string): Fault =>
  new Fault("configuration_invalid", `the file of --ca ${problem}`, { retryable: false });
