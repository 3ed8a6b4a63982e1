import { createHash } from "node:crypto";
import { isIP } from "node:net";
import { usageFault } from "../command.ts";
import type { CaCertificate, KongConsumer, KongDocument, KongPlugin, KongRoute, KongService } from "./document.ts";

/** The same configuration as objects for Kong's ingress controller, in the namespace of `kubectl`. */
export const kubernetesObjects = ({ ca_certificates, consumers, services }: KongDocument): readonly object[] => [
  ...ca_certificates.map(authority),
  ...consumers.flatMap(consumerObjects),
  ...services.flatMap(serviceObjects),
];

const LABELS = { "app.kubernetes.io/managed-by": "drawbridge" };
/** The class that the controller takes objects of, and the Gateway that routes belong to: the defaults of Kong's charts. */
const CLASS = { "kubernetes.io/ingress.class": "kong" };
const GATEWAY = "kong";

const authority = ({ id, cert }: CaCertificate) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: {
    name: nameOf("drawbridge-ca", id),
    labels: { ...LABELS, "konghq.com/ca-cert": "true" },
    annotations: CLASS,
  },
  stringData: { id, cert },
});

function consumerObjects({ username, custom_id, acls, jwt_secrets, plugins }: KongConsumer): readonly object[] {
  const credential = (kind: "acl" | "jwt", { id }: { readonly id: string }, stringData: object) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: nameOf(username, id), labels: { ...LABELS, "konghq.com/credential": kind } },
    stringData,
  });
  const credentials = [
    ...acls.map((acl) => credential("acl", acl, { group: acl.group })),
    ...jwt_secrets.map((one) => {
      const { key, algorithm, rsa_public_key, secret } = one;
      return credential("jwt", one, { key, algorithm, rsa_public_key, secret });
    }),
  ];
  const consumer = {
    apiVersion: "configuration.konghq.com/v1",
    kind: "KongConsumer",
    metadata: { name: username, labels: LABELS, annotations: { ...CLASS, ...pluginNames(username, plugins) } },
    username,
    ...(custom_id && { custom_id }),
    credentials: credentials.map(({ metadata }) => metadata.name),
  };
  return [...credentials, ...plugins.map((one) => pluginObject(username, one)), consumer];
}

function serviceObjects(service: KongService): readonly object[] {
  const { name, protocol, host, port, plugins, routes } = service;
  if (isIP(host.replace(/^\[|\]$/g, "")) !== 0) {
    throw usageFault(`the service "${name}" is at the address ${host}: in Kubernetes it needs a name`);
  }
  const annotations = {
    "konghq.com/protocol": protocol,
    "konghq.com/retries": String(service["retries"]),
    "konghq.com/connect-timeout": String(service["connect_timeout"]),
    "konghq.com/read-timeout": String(service["read_timeout"]),
    "konghq.com/write-timeout": String(service["write_timeout"]),
    ...(protocol === "https" && { "konghq.com/tls-verify": "true" }),
    ...pluginNames(name, plugins),
  };
  const object = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, labels: LABELS, annotations },
    spec: { type: "ExternalName", externalName: host, ports: [{ port, protocol: "TCP" }] },
  };
  const all = routes.flatMap((route) => [
    ...route.plugins.map((one) => pluginObject(route.name, one)),
    ...routeObjects(route, service),
  ]);
  return [...plugins.map((one) => pluginObject(name, one)), object, ...all];
}

const pluginNames = (owner: string, plugins: readonly KongPlugin[]) =>
  plugins.length > 0 && { "konghq.com/plugins": plugins.map(({ name }) => `${owner}-${name}`).join(",") };

const pluginObject = (owner: string, { name, config, protocols }: KongPlugin) => ({
  apiVersion: "configuration.konghq.com/v1",
  kind: "KongPlugin",
  metadata: { name: `${owner}-${name}`, labels: LABELS, annotations: CLASS },
  plugin: name,
  protocols,
  config,
});

/** Limits of an HTTPRoute (Gateway API v1, HTTPRouteSpec and HTTPRouteRule). */
const MAX_HOSTNAMES = 16;
const MAX_MATCHES = 64;
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]);

/** One object, or several with the same plugins if it would be over a limit. */
function routeObjects({ name, hosts, methods, paths, plugins }: KongRoute, service: KongService): readonly object[] {
  const other = methods?.find((method) => !METHODS.has(method));
  if (other !== undefined) {
    throw usageFault(`the route ${name} is for the method ${other}: the Gateway API of Kubernetes does not have it`);
  }
  const anyMethod: readonly (string | undefined)[] = [undefined];
  const matches = paths.flatMap((path) =>
    (methods ?? anyMethod).map((method) => ({
      path: path.startsWith("~")
        ? { type: "RegularExpression", value: path.slice(1) }
        : { type: "PathPrefix", value: path },
      ...(method && { method }),
    })),
  );
  const annotations = {
    "konghq.com/protocols": "https",
    "konghq.com/strip-path": "false",
    "konghq.com/preserve-host": "false",
    "konghq.com/https-redirect-status-code": "426",
    ...pluginNames(name, plugins),
  };
  const backendRefs = [{ name: service.name, kind: "Service", port: service.port }];
  const parts = partsOf(hosts, MAX_HOSTNAMES).flatMap((hostnames) =>
    partsOf(matches, MAX_MATCHES).map((some) => ({ hostnames, rules: [{ matches: some, backendRefs }] })),
  );
  return parts.map((part, at) => ({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: at === 0 ? name : nameOf(name, `part ${at + 1}`), labels: LABELS, annotations },
    spec: { parentRefs: [{ name: GATEWAY }], ...part },
  }));
}

const partsOf = <T>(all: readonly T[], size: number): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, at) => all.slice(at * size, (at + 1) * size));

/** A name of an object is at most 253 small letters, digits and dashes; an id of Kong is part of it only as a digest. */
const nameOf = (owner: string, id: string): string =>
  `${owner}-${createHash("sha256").update(id).digest("hex").slice(0, 12)}`;
