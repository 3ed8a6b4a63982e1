import { Fault } from "../host/fault.ts";
import { readSmallFile, UnusableFileError } from "../host/small-file.ts";

/** Reads a projected service-account token. Throws a retryable `token_unavailable` if the file has none. */
export async function readTokenFile(path: string): Promise<string> {
  try {
    const token = Buffer.from(await readSmallFile(path))
      .toString("utf8")
      .trim();
    if (/^[\w.-]+$/.test(token)) return token;
  } catch (error) {
    if (!(error instanceof UnusableFileError)) throw error;
    throw new Fault("token_unavailable", `${path}: ${error.message}`, { retryable: true });
  }
  throw new Fault("token_unavailable", `${path}: the file has no token`, { retryable: true });
}
