import { GetParametersCommand, SSMClient } from "@aws-sdk/client-ssm";
import { CALL_LIMITS } from "./call-limits.ts";
import { SecretCache, type SecretCacheDeps } from "./secret-cache.ts";

/** Of one call (API reference, GetParameters). */
const PARAMETERS_OF_A_CALL = 10;
/** Milliseconds for which the other parameters of a call count as just read: they are asked for at the same time. */
const TOGETHER_MS = 5_000;

/**
 * Reads decrypted values from the Parameter Store of AWS Systems Manager, which answers 40 calls a second of an account
 * and region unless that is raised. So the first read fetches all the parameters of the function, `paths`, ten in a call.
 */
export function parameterStore(
  paths: readonly string[],
  deps: SecretCacheDeps,
): (path: string) => Promise<string | undefined> {
  const client = new SSMClient(CALL_LIMITS);
  const cache = new SecretCache(read, deps);
  let together: { readonly at: number; readonly values: Promise<ReadonlyMap<string, string>> } | undefined;

  async function read(path: string): Promise<string> {
    const now = deps.clock.now();
    if (together === undefined || now - together.at >= TOGETHER_MS)
      together = { at: now, values: inCalls([...new Set([path, ...paths])]) };
    const { values } = together;
    try {
      const value = (await values).get(path) ?? (await inCalls([path])).get(path);
      if (value === undefined) throw new NoParameter();
      return value;
    } catch (error) {
      if (together?.values === values) together = undefined;
      throw error;
    }
  }

  async function inCalls(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const values = new Map<string, string>();
    for (let at = 0; at < names.length; at += PARAMETERS_OF_A_CALL) {
      const Names = names.slice(at, at + PARAMETERS_OF_A_CALL);
      const { Parameters = [] } = await client.send(new GetParametersCommand({ Names, WithDecryption: true }));
      for (const { Name, Value } of Parameters) if (Name !== undefined && Value !== undefined) values.set(Name, Value);
    }
    return values;
  }

  return (path) => cache.read(path);
}

/** As an error of the service: the parameter does not exist, and a repeat changes nothing. */
class NoParameter extends Error {
  override readonly name = "ParameterNotFound";
  readonly $fault = "client";
}
