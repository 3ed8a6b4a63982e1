import { SecretsProvider } from "@aws-lambda-powertools/parameters/secrets";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { CALL_LIMITS } from "./clients.ts";

/** Reads AWS Secrets Manager: `name` is a whole secret, `name#key` one member of a secret that is a JSON object. */
export function secretsManager(options: {
  readonly maxAge: number;
}): (reference: string) => Promise<string | undefined> {
  const provider = new SecretsProvider({ awsSdkV3Client: new SecretsManagerClient(CALL_LIMITS) });
  return async (reference) => {
    const [, name = "", key] = /^([^#]+)(?:#(.+))?$/s.exec(reference) ?? [];
    const value = await provider.get(name, options);
    if (typeof value !== "string") return undefined;
    return key === undefined ? value : memberOf(value, key);
  };
}

/** Nothing for a value that is no JSON object: the parser's own error would quote the secret. */
function memberOf(json: string, key: string): string | undefined {
  try {
    const value: unknown = JSON.parse(json);
    const member = new Map(Object.entries(value ?? {})).get(key);
    return typeof member === "string" ? member : undefined;
  } catch {
    return undefined;
  }
}
