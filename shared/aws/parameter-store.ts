import { SSMProvider } from "@aws-lambda-powertools/parameters/ssm";
import { SSMClient } from "@aws-sdk/client-ssm";
import { CALL_LIMITS } from "./clients.ts";

/** Reads decrypted values from the Parameter Store of AWS Systems Manager. `maxAge`: seconds that a value is cached. */
export function parameterStore(options: { readonly maxAge: number }): (path: string) => Promise<string | undefined> {
  const provider = new SSMProvider({ awsSdkV3Client: new SSMClient(CALL_LIMITS) });
  return (path) => provider.get(path, { ...options, decrypt: true });
}
