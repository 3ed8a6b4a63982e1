import { randomBytes, randomUUID } from "node:crypto";
import { link, lstat, mkdir, open, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { SecretForm } from "../providers/sender-setup.ts";
import { usageFault } from "./command.ts";

/** As many bits as the SHA-256 of the signatures. */
const SECRET_BYTES = 32;

export const newSecret = (form: SecretForm): string =>
  form === "hex" ? randomBytes(SECRET_BYTES).toString("hex") : `whsec_${randomBytes(SECRET_BYTES).toString("base64")}`;

/**
 * The secret of an earlier `init` that did not come to its end; undefined if there is none. An empty file is what a process
 * leaves that is killed before its only write. Throws `usage_invalid` if somebody else can read the file.
 */
export async function keptSecret(path: string): Promise<string | undefined> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return undefined;
  if (!found.isFile()) throw usageFault(`${path} is no file: remove it, or name another folder with --secrets`);
  if (process.platform !== "win32" && (found.mode & 0o077) !== 0)
    throw usageFault(`others can read ${path}: remove it, or make it yours with chmod 600`);
  const text = (await readFile(path, "utf8")).trim();
  return text === "" ? undefined : text;
}

/** Writes a secret into a file that only this user can read, and never over another secret. */
export async function writeSecret(path: string, value: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, "wx", 0o600).catch(async (error: unknown) => {
    if ((await keptSecret(path)) !== undefined) throw usageFault(`${path} is new: another init runs`);
    return open(path, "r+").catch(() => Promise.reject(usageFault(`${path} cannot be written (${codeOf(error)})`)));
  });
  try {
    await file.write(`${value}\n`, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Writes a new file at once: others see all of it, or none. Throws `usage_invalid` if the file exists. */
export async function writeNewFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const draft = join(dirname(path), `.drawbridge-init-${randomUUID()}`);
  try {
    await writeFile(draft, text, { flag: "wx" });
    // Unlike a rename, a link never replaces a file.
    await link(draft, path);
  } catch (error) {
    const code = codeOf(error);
    throw code === "EEXIST" ? fileExists(path) : usageFault(`${path} cannot be written (${code})`);
  } finally {
    await rm(draft, { force: true });
  }
}

const codeOf = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "");

export const fileExists = (path: string) =>
  usageFault(`${path} exists, and init never changes a file: move it away, or name another with --config`);
