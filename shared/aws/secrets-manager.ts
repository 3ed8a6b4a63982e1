import { SecretsProvider } from "@aws-lambda-powertools/parameters/secrets";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import * as v from "valibot";
import { CALL_LIMITS } from "./clients.ts";

/**
 * Reads AWS Secrets Manager: `name` is a whole secret, `name#key` one member of a secret that is a JSON object. Undefined
 * if the secret has no such member. `maxAge`: seconds that a value is cached.
 */
export function secretsManager(options: {
  readonly maxAge: number;
}): (reference: string) => Promise<string | undefined> {
  const provider = new SecretsProvider({ awsSdkV3Client: new SecretsManagerClient(CALL_LIMITS) });
  return async (reference) => {
    const [, name = "", key] = /^([^#]+)(?:#(.+))?$/s.exec(reference) ?? [];
    const value = await provider.get(name, options);
    if (typeof value !== "string") throw new Error("it is not a text");
    return key === undefined ? value : memberOf(value, key);
  };
}

/** Throws its own messages: those of the parser would quote the secret. */
function memberOf(json: string, key: string): string | undefined {
  const read = v.safeParse(members, json);
  if (!read.success) throw new Error("it is not a JSON object");
  const member = new Map<string, unknown>(Object.entries(read.output)).get(key);
  if (member === undefined || typeof member === "string") return member;
  throw new Error("its member is not a text");
}

const members = v.pipe(
  v.string(),
  v.parseJson(),
  // A record schema would drop a member called "constructor".
  v.custom<object>((value) => typeof value === "object" && value !== null && !Array.isArray(value)),
);
