import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import * as v from "valibot";
import type { Environment } from "../host/environment.ts";
import { Fault } from "../host/fault.ts";
import { isSecureUrl } from "../host/secure-url.ts";
import { type Invocation, usageFault } from "./command.ts";

/** The file in which the playground writes its address, its configuration and a client at its start. */
export const PLAYGROUND_SESSION = ".drawbridge/playground/session.json";

const playgroundSession = v.object({
  url: v.pipe(v.string(), v.url()),
  config: v.string(),
  /** A client of the development identity provider that may read deliveries. */
  tokenEndpoint: v.string(),
  audience: v.string(),
  clientId: v.string(),
  clientSecret: v.string(),
});
export type PlaygroundSession = v.InferOutput<typeof playgroundSession>;

export interface Session {
  readonly url: URL;
  /** Whether it is the address of the playground that runs here. */
  readonly isPlayground: boolean;
  /** Returns the path of the configuration. Throws a Fault that says how to name one if there is none. */
  readonly config: () => string;
  /** Returns a token with the role to read deliveries. Throws a Fault that says how to set one. */
  readonly token: () => Promise<string>;
}

export interface Given {
  readonly environment: Environment;
  readonly url?: string | undefined;
  readonly config?: string | undefined;
}

/** Returns the bridge that a command calls: from the command line, else the environment, else the running playground. */
export async function openSession({ environment, ...given }: Given): Promise<Session> {
  const playground = await readPlayground();
  const config = (): string => {
    const path = configPath(given.config, environment) ?? playground?.config;
    if (path !== undefined) return path;
    throw usageFault(
      "there is no drawbridge.yaml here: name the configuration with --config or DRAWBRIDGE_CONFIG, or write one (docs/first-setup.md)",
    );
  };
  const address =
    addressIn("--url", given.url) ?? addressIn("DRAWBRIDGE_URL", environment["DRAWBRIDGE_URL"]) ?? playground?.url;
  const url = new URL(address ?? "http://127.0.0.1:8787");
  const token = async (): Promise<string> => {
    const bearer = environment["DRAWBRIDGE_TOKEN"];
    // The token of the playground is sent only to the playground.
    if (bearer === undefined && playground?.url === url.origin) return fetchToken(playground);
    if (bearer === undefined) {
      const stored = await (await import("./login-token.ts")).loginToken(url, environment);
      if (stored !== undefined) return stored;
      throw usageFault(`put a bearer token for ${url.origin} into DRAWBRIDGE_TOKEN, or log in with drawbridge login`);
    }
    if (!BEARER_TOKEN.test(bearer.trim())) throw usageFault("the value of DRAWBRIDGE_TOKEN is not a bearer token");
    return bearer.trim();
  };
  return { url, isPlayground: playground?.url === url.origin, config, token };
}

/** Returns the session for a command line. */
export const sessionOf = ({ environment, options: { url, config } }: Invocation): Promise<Session> =>
  openSession({ environment, url, config });

/** Returns the options other than those that select the bridge or the format. */
export function besidesSession(options: Invocation["options"]): Readonly<Record<string, string>> {
  const { url: _, config: __, output: ___, ...rest } = options;
  return Object.fromEntries(
    Object.entries(rest).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** Returns a valid address. The message does not repeat an invalid value: it may contain a password. */
function addressIn(where: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (!/^https?:\/\/[^@\s]+$/i.test(value) || !URL.canParse(value))
    throw usageFault(`${where} must be the address of a bridge, such as http://127.0.0.1:8787`);
  const part = PARTS_AFTER_HOST.find(([, sign]) => sign.test(value));
  if (part) throw usageFault(`${where} has a ${part[0]}: give the bridge's address without a path, query or fragment`);
  if (!isSecureUrl(value)) {
    throw usageFault(`${where} is http:// to another machine, which would send credentials in clear: give https://`);
  }
  return value;
}

/** A slash alone at the end is no path. The bridge always answers at the root of its address. */
const PARTS_AFTER_HOST = [
  ["fragment", /#/],
  ["query", /\?/],
  ["path", /^\w+:\/\/[^/\\]*[/\\]./],
] as const;

/** `b64token` of RFC 6750 §2.1. */
const BEARER_TOKEN = /^[\w.~+/-]+=*$/;

/** The configuration named by the command line or the environment, or `drawbridge.yaml` here if there is one. */
export function configPath(given: string | undefined, environment: Environment): string | undefined {
  return given ?? environment["DRAWBRIDGE_CONFIG"] ?? (existsSync("drawbridge.yaml") ? "drawbridge.yaml" : undefined);
}

/** Returns the session of the playground that was started here; undefined if it was stopped or the file is unreadable. */
export async function readPlayground(): Promise<PlaygroundSession | undefined> {
  const text = await readFile(PLAYGROUND_SESSION, "utf8").catch(() => "");
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), playgroundSession), text);
  return parsed.success ? parsed.output : undefined;
}

const tokenResponse = v.pipe(v.string(), v.parseJson(), v.object({ access_token: v.string() }));

/** OAuth 2.0 client credentials grant (RFC 6749 §4.4) for the bridge as resource (RFC 8707 §2). */
async function fetchToken({ tokenEndpoint, clientId, clientSecret, audience }: PlaygroundSession): Promise<string> {
  const { status, text } = await fetch(tokenEndpoint, {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString("base64")}` },
    body: new URLSearchParams({ grant_type: "client_credentials", resource: audience }),
    redirect: "manual",
  })
    .then(async (response) => ({ status: response.status, text: await response.text() }))
    .catch((cause: unknown) => {
      throw new Fault("token_unavailable", `${tokenEndpoint} returned no token; is the playground still running?`, {
        retryable: true,
        cause,
      });
    });
  const parsed = v.safeParse(tokenResponse, text);
  if (parsed.success) return parsed.output.access_token;
  const message = `${tokenEndpoint} responded ${status} without a token`;
  throw new Fault("token_unavailable", message, { retryable: true });
}
