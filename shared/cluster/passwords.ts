import { Fault } from "../host/fault.ts";
import { readSmallFile, UnusableFileError } from "../host/small-file.ts";

/**
 * Reads the passwords of a file, one on each line. The last is the newest. To rotate one, add the
 * next, change the sink, and remove the old one.
 * Throws `secret_unavailable`: a short password is no password.
 */
export async function readPasswords(path: string): Promise<readonly string[]> {
  const text = await readSmallFile(path).catch((error: unknown) => {
    if (!(error instanceof UnusableFileError)) throw error;
    throw unusable(`${path}: ${error.message}`);
  });
  const passwords = Buffer.from(text).toString("utf8").split(/\r?\n/).filter(Boolean);
  if (passwords.length === 0) throw unusable(`${path}: the file has no password`);
  if (passwords.some((password) => Buffer.byteLength(password) < MIN_BYTES))
    throw unusable(`${path}: a password has fewer than ${MIN_BYTES} bytes`);
  return passwords;
}

const MIN_BYTES = 16;

const unusable = (message: string): Fault => new Fault("secret_unavailable", message, { retryable: true });
