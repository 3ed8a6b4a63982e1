import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import * as v from "valibot";
import { systemClock } from "../host/clock.ts";
import type { Environment } from "../host/environment.ts";
import { Fault } from "../host/fault.ts";
import { usageFault } from "./command.ts";

const login = v.object({
  /** The origin of the bridge that the tokens are for. They are sent to no other. */
  bridge: v.string(),
  issuer: v.string(),
  clientId: v.string(),
  audience: v.string(),
  scope: v.string(),
  accessToken: v.string(),
  refreshToken: v.exactOptional(v.string()),
  /** Milliseconds since 1970. */
  expiresAt: v.number(),
});
export type Login = v.InferOutput<typeof login>;

/**
 * The login of one person at one bridge, in a file that only this user can read (0600). Each bridge has its own file, which
 * names the bridge, so a file that was copied or renamed gives no token for another one.
 */
export class LoginFile {
  readonly #folder: string;
  readonly #path: string;
  readonly #bridge: string;

  constructor({ origin }: URL, environment: Environment) {
    const place = stateHome(environment);
    if (place === undefined) throw usageFault("HOME and XDG_STATE_HOME are not set: there is no place for a login");
    this.#folder = join(place, "drawbridge", "logins");
    this.#path = join(this.#folder, `${createHash("sha256").update(origin).digest("hex").slice(0, 32)}.json`);
    this.#bridge = origin;
  }

  /** Undefined if nobody has logged in. Throws `usage_invalid` if others can read the file. */
  async read(): Promise<Login | undefined> {
    const text = await readFile(this.#path, "utf8").catch(() => undefined);
    if (text === undefined) return undefined;
    const { mode } = await stat(this.#path);
    if (process.platform !== "win32" && (mode & 0o077) !== 0)
      throw usageFault(`others can read ${this.#path}: remove it, and log in again`);
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), login), text);
    return parsed.success && parsed.output.bridge === this.#bridge ? parsed.output : undefined;
  }

  /** Replaces the file at once: a reader sees the old login or the new one. */
  async write(changed: Omit<Login, "bridge">): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const draft = `${this.#path}.${randomUUID()}`;
    await writeFile(draft, JSON.stringify({ bridge: this.#bridge, ...changed }), { mode: 0o600, flag: "wx" });
    await rename(draft, this.#path);
  }

  /** Also removes the drafts of commands that ended while they wrote it. Returns whether there was one. */
  async remove(): Promise<boolean> {
    const draft = `${basename(this.#path)}.`;
    const names = (await readdir(this.#folder)).filter(
      (name) => name.startsWith(draft) && UUID.test(name.slice(draft.length)),
    );
    await Promise.all(names.map((name) => rm(join(this.#folder, name), { force: true })));
    return rm(this.#path).then(
      () => true,
      () => false,
    );
  }

  /** Runs `task` while no other process does. A lock whose process has ended, or that is old, counts for nothing. */
  async locked<T>(task: () => Promise<T>): Promise<T> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const lock = `${this.#path}.lock`;
    const startedMs = systemClock.monotonic();
    for (;;) {
      const handle = await open(lock, "wx", 0o600).catch(() => undefined);
      if (handle !== undefined) {
        try {
          await handle.writeFile(String(process.pid));
          await handle.close();
          return await task();
        } finally {
          await rm(lock, { force: true });
        }
      }
      // Of several commands that see it, one renames it. A lock that was taken meanwhile is not that of an ended process.
      if (await isAbandoned(lock)) {
        const aside = `${lock}.${randomUUID()}`;
        await rename(lock, aside).catch(() => undefined);
        if (await isAbandoned(aside)) await rm(aside, { force: true });
        else await rename(aside, lock).catch(() => undefined);
      }
      if (systemClock.monotonic() - startedMs > LOCK_WAIT_MS)
        throw new Fault("token_unavailable", `another command holds ${lock}`, { retryable: true });
      await wait(50);
    }
  }
}

/** What a draft ends in. A lock does not. */
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

/** Longer than a refresh can take. */
const LOCK_WAIT_MS = 20_000;

async function isAbandoned(lock: string): Promise<boolean> {
  const [pid, found] = await Promise.all([
    readFile(lock, "utf8").catch(() => undefined),
    stat(lock).catch(() => undefined),
  ]);
  if (pid === undefined || found === undefined) return false;
  if (systemClock.now() - found.mtimeMs > 3 * LOCK_WAIT_MS) return true;
  return pid !== "" && !isRunning(Number(pid));
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

export const hasPlaceForLogins = (environment: Environment): boolean => stateHome(environment) !== undefined;

/** https://specifications.freedesktop.org/basedir-spec/latest/ */
function stateHome({ XDG_STATE_HOME: state, HOME: home }: Environment): string | undefined {
  if (state?.startsWith("/")) return state;
  return home === undefined || home === "" ? undefined : join(home, ".local", "state");
}
