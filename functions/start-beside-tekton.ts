import { type Invocation, usageFault } from "../shared/cli/command.ts";
import type { BridgeSource } from "../shared/cluster/bridge-source.ts";
import { callOut } from "../shared/host/call-out.ts";
import { systemClock, toIso } from "../shared/host/clock.ts";
import { type Log, streamLog } from "../shared/host/log.ts";
import { isSecureUrl } from "../shared/host/secure-url.ts";
import type { ListenAddress } from "../shared/http/listen.ts";
import type { Part } from "./interceptor.ts";
import { stopOnSignal } from "./stop-on-signal.ts";

/** `drawbridge start --as …`: runs a part of the bridge inside the cluster until a signal. */
export async function startBesideTekton({ options, given }: Invocation): Promise<void> {
  const role = options["as"] ?? "";
  const kind = PARTS[role];
  if (kind === undefined) throw usageFault(`--as ${role} is unknown`);
  const allowed = ["as", "host", "port", ...kind.options];
  const foreign = [...given].find((name) => !allowed.includes(name));
  if (foreign !== undefined) throw usageFault(`--${foreign} is no option of --as ${role}`);
  const log = streamLog(process.stdout, () => toIso(systemClock.now()));
  const common = { address: { hostname: options["host"] ?? "", port: Number(options["port"]) }, log };
  const part = await kind.start(options, common);
  process.on("SIGHUP", () => part.reload());
  stopOnSignal(part);
  log.info({ part: role, url: part.url.origin }, "started");
}

interface Common {
  readonly address: Omit<ListenAddress, "tls">;
  readonly log: Log;
}

async function interceptor(options: Options, common: Common): Promise<Part> {
  const { startInterceptor } = await import("./interceptor.ts");
  return startInterceptor({
    issuer: required(options, "issuer"),
    audience: options["audience"],
    source: options["source"] === undefined && options["token"] === undefined ? undefined : sourceOf(options),
    tls: { certificate: required(options, "tls-cert"), key: required(options, "tls-key") },
    ...common,
  });
}

async function forwarder(options: Options, common: Common): Promise<Part> {
  const { startForwarder } = await import("./forwarder.ts");
  const passwordFile = required(options, "password");
  return startForwarder({ source: sourceOf(options), passwordFile, dataPath: required(options, "data"), ...common });
}

async function gate(options: Options, common: Common): Promise<Part> {
  const { startTaskGate } = await import("./task-gate.ts");
  const {
    kubernetes = "https://kubernetes.default.svc",
    "kubernetes-token": tokenFile = "/var/run/secrets/kubernetes.io/serviceaccount/token",
  } = options;
  if (!isSecureUrl(kubernetes)) throw usageFault("--kubernetes must be an https:// address without user and fragment");
  const cluster = { url: new URL(kubernetes), tokenFile, callOut };
  const [namespaces, runNamespaces] = [listed(options, "task-namespaces"), listed(options, "run-namespaces")];
  if (namespaces.length + runNamespaces.length === 0)
    throw usageFault("--as gate needs --task-namespaces, --run-namespaces or both");
  return startTaskGate({ source: sourceOf(options), cluster, namespaces, runNamespaces, ...common });
}

type Options = Invocation["options"];

const listed = (options: Options, name: string): readonly string[] => options[name]?.split(",") ?? [];

function required(options: Options, name: string): string {
  const value = options[name];
  if (value === undefined || value === "") throw usageFault(`--as ${options["as"]} needs --${name}`);
  return value;
}

function sourceOf(options: Options): BridgeSource {
  const { source, token } = options;
  if (source === undefined || token === undefined) throw usageFault("--source and --token need each other");
  if (!isSecureUrl(source)) throw usageFault("--source must be an https:// address without user and fragment");
  return { url: new URL(source), tokenFile: token, callOut };
}

const PARTS: Readonly<Record<string, { readonly options: readonly string[]; readonly start: typeof interceptor }>> = {
  interceptor: { options: ["issuer", "audience", "source", "token", "tls-cert", "tls-key"], start: interceptor },
  forwarder: { options: ["source", "token", "password", "data"], start: forwarder },
  gate: {
    options: ["source", "token", "task-namespaces", "run-namespaces", "kubernetes", "kubernetes-token"],
    start: gate,
  },
};
