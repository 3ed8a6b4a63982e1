import { randomBytes } from "node:crypto";
import { connectSources } from "../config/connect.ts";
import type { Config } from "../config/schema.ts";
import { Fault } from "../host/fault.ts";
import { Secret, type Secrets } from "../host/secrets.ts";
import type { ProviderTools } from "../providers/provider.ts";

/** One forged request, and what it met. */
export interface LiveFinding {
  readonly what: string;
  readonly status: number;
  /** It was turned away as nobody's. */
  readonly good: boolean;
}

/** Every secret is a guess, in the one form that every provider takes. */
const guessed: Secrets = { read: async () => new Secret(`whsec_${randomBytes(32).toString("base64")}`) };

/** The header and claims of a token that anyone could write, signed by nobody. */
const FORGED_TOKEN = ["eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ", "eyJzdWIiOiJub2JvZHkifQ", "AAAA"].join(".");

/**
 * `drawbridge check --live`: sends a running bridge requests that it must refuse, to each of its sources without any
 * credential, with a guessed secret and with a forged token, and to its own interface. Only a 401 is right: a source that
 * answers anything else lets strangers in, or cannot tell. Nothing of it is recorded by a bridge that refuses.
 */
export async function checkLive(
  base: URL,
  config: Config,
  tools: Omit<ProviderTools, "secrets">,
): Promise<readonly LiveFinding[]> {
  const findings: LiveFinding[] = [];
  const sources = connectSources(config, { ...tools, secrets: guessed });
  const body = Buffer.from("{}");
  const plain = { "content-type": "application/json" };
  const bearer = { ...plain, authorization: `Bearer ${FORGED_TOKEN}` };
  for (const [name, { sign }] of sources) {
    const url = new URL(`/webhooks/${name}`, base);
    findings.push(await forge(`source ${name}, no credential`, url, { headers: plain, body }));
    findings.push(await forge(`source ${name}, forged token`, url, { headers: bearer, body }));
    if (sign === undefined) continue;
    const headers = await sign({ url, headers: new Headers(plain), body });
    findings.push(await forge(`source ${name}, guessed secret`, url, { headers, body }));
  }
  findings.push(await forge("event log, no token", new URL("/v1/deliveries", base)));
  findings.push(await forge("event log, forged token", new URL("/v1/deliveries", base), { headers: bearer }));
  findings.push(await forge("status, forged token", new URL("/v1/status", base), { headers: bearer, body }));
  return findings;
}

interface Forged {
  readonly headers?: Readonly<Record<string, string>> | Headers;
  readonly body?: Uint8Array<ArrayBuffer>;
}

async function forge(what: string, url: URL, { headers = {}, body }: Forged = {}): Promise<LiveFinding> {
  const method = body === undefined ? "GET" : "POST";
  const answer = await fetch(url, {
    method,
    headers: new Headers(headers),
    body: body ?? null,
    redirect: "manual",
  }).catch((cause: unknown) => {
    throw new Fault("target_unreachable", `no bridge answers at ${url.origin}; is it started?`, {
      retryable: true,
      cause,
    });
  });
  await answer.body?.cancel();
  return { what, status: answer.status, good: answer.status === 401 };
}
