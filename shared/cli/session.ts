import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import * as v from "valibot";
import type { Environment } from "../host/environment.ts";
import { Fault } from "../host/fault.ts";

/** Where the playground says how it can be reached; written by it at its start. */
export const PLAYGROUND_SESSION = ".drawbridge/playground/session.json";

const playgroundSession = v.object({
  url: v.string(),
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
  /** Path of the configuration. */
  readonly config: string;
  /** A token with the role to read deliveries. Throws a Fault that says how to give one. */
  readonly token: () => Promise<string>;
}

export interface Given {
  readonly environment: Environment;
  readonly url?: string | undefined;
  readonly config?: string | undefined;
}

/** Which bridge a command talks to: what the command line says, else the environment, else the playground that runs here. */
export async function openSession({ environment, ...given }: Given): Promise<Session> {
  const playground = await readPlayground();
  const config = configPath(given.config, environment) ?? playground?.config ?? "drawbridge.yaml";
  const url = new URL(given.url ?? environment["DRAWBRIDGE_URL"] ?? playground?.url ?? "http://127.0.0.1:8787");
  const token = async (): Promise<string> => {
    const told = environment["DRAWBRIDGE_TOKEN"];
    if (told !== undefined) return told;
    if (playground !== undefined) return fetchToken(playground);
    throw new Fault("configuration_invalid", `put a bearer token for ${url.origin} into DRAWBRIDGE_TOKEN`, {
      retryable: false,
    });
  };
  return { url, config, token };
}

/** The configuration named by the command line or the environment, or `drawbridge.yaml` here if there is one. */
export function configPath(given: string | undefined, environment: Environment): string | undefined {
  return given ?? environment["DRAWBRIDGE_CONFIG"] ?? (existsSync("drawbridge.yaml") ? "drawbridge.yaml" : undefined);
}

async function readPlayground(): Promise<PlaygroundSession | undefined> {
  if (!existsSync(PLAYGROUND_SESSION)) return undefined;
  return v.parse(playgroundSession, JSON.parse(await readFile(PLAYGROUND_SESSION, "utf8")));
}

const tokenAnswer = v.object({ access_token: v.string() });

/** OAuth 2.0 client credentials grant (RFC 6749 §4.4) for the bridge as resource (RFC 8707 §2). */
async function fetchToken({ tokenEndpoint, clientId, clientSecret, audience }: PlaygroundSession): Promise<string> {
  const answer = await fetch(tokenEndpoint, {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString("base64")}` },
    body: new URLSearchParams({ grant_type: "client_credentials", resource: audience }),
  });
  const told = v.safeParse(tokenAnswer, await answer.json());
  if (told.success) return told.output.access_token;
  throw new Fault("token_unavailable", `${tokenEndpoint} answered ${answer.status} and no token`, { retryable: true });
}
