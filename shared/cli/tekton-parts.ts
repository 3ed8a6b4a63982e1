import { FORWARDER, forwarderObjects, sinkObject } from "../cluster/forwarder-objects.ts";
import { interceptorObjects } from "../cluster/interceptor-objects.ts";
import { yamlOf } from "../cluster/part-objects.ts";
import { readPasswords } from "../cluster/passwords.ts";
import { taskGateObjects } from "../cluster/task-gate-objects.ts";
import { Fault } from "../host/fault.ts";
import { isSecureUrl } from "../host/secure-url.ts";
import { readSmallFile, UnusableFileError } from "../host/small-file.ts";
import { type Invocation, usageFault } from "./command.ts";
import { EXIT } from "./exit-codes.ts";

/** `drawbridge tekton interceptor`: prints the Kubernetes objects of the interceptor. */
export async function interceptorCommand({ options, print }: Invocation): Promise<number> {
  const common = commonOf(options);
  const ca = await readText(required(options, "ca"));
  print(yamlOf(interceptorObjects({ ...common, ca })));
  return EXIT.done;
}

/** `drawbridge tekton forwarder`: prints the Kubernetes objects of the forwarder. */
export async function forwarderCommand({ options, print }: Invocation): Promise<number> {
  const { issuer: _, ...rest } = commonOf(options);
  print(yamlOf(forwarderObjects(rest)));
  return EXIT.done;
}

/** `drawbridge tekton gate`: prints the Kubernetes objects of the process that decides tasks inside runs. */
export async function gateCommand({ options, print }: Invocation): Promise<number> {
  const { issuer: _, ...rest } = commonOf(options);
  const listed = (name: string): readonly string[] => options[name]?.split(",") ?? [];
  const [taskNamespaces, runNamespaces] = [listed("task-namespaces"), listed("run-namespaces")];
  if (taskNamespaces.length + runNamespaces.length === 0)
    throw usageFault("--task-namespaces, --run-namespaces or both are missing");
  print(yamlOf(taskGateObjects({ ...rest, taskNamespaces, runNamespaces })));
  return EXIT.done;
}

/** `drawbridge tekton sink`: prints the ConfigMap by which Tekton sends its events to an address. */
export async function sinkCommand({ options, positionals, print }: Invocation): Promise<number> {
  const address = positionals[0] ?? forwarderAddress(options);
  if (!isSinkAddress(address))
    throw usageFault("the address must be https://, or http:// to a Service of the cluster, without user and query");
  if (positionals[0] !== undefined && !isClusterService(address) && !isSourceAddress(address))
    throw usageFault("the address of a bridge must end in /webhooks/<source>");
  // The last line is the newest password: the file keeps earlier ones until nobody sends them.
  const password = (await readPasswords(required(options, "password"))).at(-1) ?? "";
  print(yamlOf([sinkObject(new URL(address), { user: options["username"] ?? "", password })]));
  return EXIT.done;
}

/** The password would be readable on its way out of the cluster. A query would not get into the address of the sink. */
function isSinkAddress(address: string): boolean {
  if (!URL.canParse(address) || new URL(address).search !== "") return false;
  return isSecureUrl(address) || isClusterService(address);
}

/** The address of a Service in the cluster, such as a forwarder. */
function isClusterService(address: string): boolean {
  const { protocol, hostname, username, password, hash } = new URL(address);
  return /^https?:$/.test(protocol) && `${username}${password}${hash}` === "" && CLUSTER_SERVICE.test(hostname);
}

/** https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#services. Another domain may be anybody's. */
const CLUSTER_SERVICE = /^[a-z0-9-]+\.[a-z0-9-]+\.svc(\.cluster\.local)?$/;

const forwarderAddress = ({ namespace }: Options): string =>
  `http://${FORWARDER.name}.${namespace}.svc:${FORWARDER.port}/`;

type Options = Invocation["options"];

function commonOf(options: Options) {
  const source = secure(required(options, "source"));
  if (!isSourceAddress(source)) throw usageFault("--source must end in /webhooks/<source>");
  const { issuer = new URL(source).origin, namespace = "", "token-audience": tokenAudience = source } = options;
  return { source, issuer: secure(issuer), namespace, tokenAudience, image: required(options, "image") };
}

/** Whether the path is that of a source. The address of the bridge alone has no place for events. */
const isSourceAddress = (address: string): boolean => {
  const { pathname, search } = new URL(address);
  return /\/webhooks\/[a-z][a-z0-9-]*$/.test(pathname) && search === "";
};

function secure(address: string): string {
  if (isSecureUrl(address)) return address;
  throw usageFault(`${address} must be an https:// address without user and fragment`);
}

function required(options: Options, name: string): string {
  const value = options[name];
  if (value === undefined || value === "") throw usageFault(`--${name} is missing`);
  return value;
}

async function readText(path: string): Promise<string> {
  try {
    return Buffer.from(await readSmallFile(path)).toString("utf8");
  } catch (error) {
    if (!(error instanceof UnusableFileError)) throw error;
    throw new Fault("configuration_invalid", `${path}: ${error.message}`, { retryable: false });
  }
}
