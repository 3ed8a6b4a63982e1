import { type ChildProcess, spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { expect } from "vitest";
import { programPath } from "./chromium.ts";
import { blocksOf, readText } from "./documents.ts";
import { until } from "./until.ts";

/** The blocks of this page are the configurations, with addresses on loopback in place of its own. */
const DOCUMENT = readText("docs/gateways.md");

interface Placed {
  readonly folder: string;
  readonly port: number;
}

export const GATEWAYS = {
  nginx: {
    program: "nginx",
    language: "nginx",
    arguments: (file: string) => ["-c", file, "-g", "daemon off; master_process off;"],
    whole: (block: string, { folder, port }: Placed) =>
      `error_log ${folder}/error.log; pid ${folder}/nginx-${port}.pid; events { }\nhttp { access_log off; ${[
        "client_body",
        "proxy",
        "fastcgi",
        "uwsgi",
        "scgi",
      ]
        .map((one) => `${one}_temp_path ${folder}/${one};`)
        .join(" ")}\n${block.replace("listen 8080", `listen 127.0.0.1:${port}`)} }`,
    rateStatus: 403,
    downStatus: 500,
  },
  caddy: {
    program: "caddy",
    language: "caddyfile",
    arguments: (file: string) => ["run", "--adapter", "caddyfile", "--config", file],
    whole: (block: string, { port }: Placed) =>
      `{\n  admin off\n  auto_https off\n}\n${block.replace(":8080 {", `http://127.0.0.1:${port} {\n  bind 127.0.0.1`)}`,
    rateStatus: 429,
    downStatus: 502,
  },
} as const;

export type GatewayName = keyof typeof GATEWAYS;

export const isInstalled = (name: GatewayName): boolean => programPath(GATEWAYS[name].program) !== undefined;

/** Starts nginx or Caddy with the block of docs/gateways.md. */
export async function startGateway(
  name: GatewayName,
  settings: {
    /** Of its files. */
    readonly folder: string;
    /** Address of the bridge, without a path. */
    readonly bridge: string;
    /** Host and port of the service behind it. */
    readonly service: string;
    /** File with the authorities that it trusts. */
    readonly authorities: string;
    /** Changes the block before the addresses are replaced. Default: as it is. */
    readonly change?: (block: string) => string;
  },
): Promise<{ port: number; stop: () => Promise<void> }> {
  const { folder, bridge, service, authorities, change = (block) => block } = settings;
  const { program, language, whole, arguments: argumentsOf } = GATEWAYS[name];
  const [block = ""] = blocksOf(DOCUMENT, language);
  const port = await freePort();
  const text = whole(change(block), { folder, port })
    .replaceAll("https://bridge.example.com", bridge)
    .replaceAll("/etc/ssl/certs/ca-certificates.crt", authorities)
    .replaceAll("registry.internal:5000", service);
  const file = join(folder, `${name}-${port}.conf`);
  await writeFile(file, text);
  const folders = { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
  const environment = { ...process.env, ...folders, SSL_CERT_FILE: authorities };
  const child: ChildProcess = spawn(programPath(program) ?? program, argumentsOf(file), {
    env: environment,
    stdio: "ignore",
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  await until(`${name} to listen`, async () => {
    expect(child.exitCode).toBeNull();
    return isOpen(port);
  });
  return {
    port,
    stop: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
