import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import * as v from "valibot";
import { CALL_LIMITS } from "./call-limits.ts";
import { SecretCache, type SecretCacheDeps } from "./secret-cache.ts";

/**
 * Reads AWS Secrets Manager: `name` is a whole secret, `name#key` one member of a secret that is a JSON object. Undefined
 * if the secret has no such member.
 */
export function secretsManager(deps: SecretCacheDeps): (reference: string) => Promise<string | undefined> {
  const client = new SecretsManagerClient(CALL_LIMITS);
  const cache = new SecretCache(async (name) => {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: name }));
    if (SecretString === undefined) throw new NoText();
    return SecretString;
  }, deps);
  return async (reference) => {
    const [, name = "", key] = /^([^#]+)(?:#(.+))?$/s.exec(reference) ?? [];
    const value = await cache.read(name);
    return key === undefined ? value : memberOf(value, key);
  };
}

/** As an error of the service: the secret is binary, and a repeat changes nothing. */
class NoText extends Error {
  override readonly name = "NoText";
  readonly $fault = "client";
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
