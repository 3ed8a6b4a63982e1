import type { Clock } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import type { Secrets } from "../host/secrets.ts";
import { keyLoader } from "../identity/load-keys.ts";
import { createTokenVerifier } from "../identity/verify-token.ts";
import { checkLoaded } from "./check.ts";
import { connectSources } from "./connect.ts";
import type { ConfigProblem } from "./explain.ts";
import { type ConfigFinding, findingsOf, readConfig } from "./load.ts";
import type { Config } from "./schema.ts";

/**
 * `checkConfig` for the machine that it is asked on: what the bridge would use here is tried as well, the secrets of its
 * sources and the files of keys. Nobody is called.
 */
export async function checkHere(path: string, secrets: Secrets, clock: Clock): Promise<readonly ConfigFinding[]> {
  const loaded = await readConfig(path);
  const findings = await checkLoaded(loaded, path, secrets);
  if (!loaded.ok || findings.some(({ level }) => level === "error")) return findings;
  const problems = [...(await unfitSecrets(loaded.config, secrets, clock)), ...(await unreadableKeys(loaded.config))];
  return [...findingsOf("error", problems, { path, file: loaded.file }), ...findings];
}

/** A source that can sign as its sender does has to believe what it signed: a malformed secret comes out here. */
async function unfitSecrets(config: Config, secrets: Secrets, clock: Clock): Promise<readonly ConfigProblem[]> {
  const tokens = createTokenVerifier(config.issuers, { clock });
  const problems: ConfigProblem[] = [];
  for (const [name, { sign, authenticate }] of connectSources(config, { secrets, tokens, clock })) {
    if (sign === undefined) continue;
    const request = { method: "POST", url: new URL(`https://bridge.invalid/webhooks/${name}`), body: new Uint8Array() };
    const path = ["sources", name];
    try {
      const headers = await sign({ ...request, headers: new Headers() });
      const proved = await authenticate({ ...request, headers, receivedAt: clock.now(), requestId: "check" });
      if (!proved.ok) problems.push({ path, message: `refuses what it signs itself: ${proved.rejection.reason}` });
    } catch (error) {
      problems.push({ path, message: messageOf(error) });
    }
  }
  return problems;
}

async function unreadableKeys({ issuers }: Config): Promise<readonly ConfigProblem[]> {
  const entries = Object.entries(issuers).filter(([, { jwks }]) => jwks !== undefined && "file" in jwks);
  const problems = entries.map(async ([name, entry]) => {
    const path = ["issuers", name, "jwks", "file"];
    return keyLoader(entry)().then(
      () => [],
      (error: unknown) => [{ path, message: `no keys in it: ${messageOf(error)}` }],
    );
  });
  return (await Promise.all(problems)).flat();
}

/** Any other error is the file system's about a file: its message says which and why. */
function messageOf(error: unknown): string {
  if (error instanceof Fault) return error.message;
  if (error instanceof Error && "syscall" in error) return error.message;
  throw error;
}
