import { readChecked } from "../shared/config/check.ts";
import { digestOf } from "../shared/config/digest.ts";
import { type ConfigFinding, readConfig } from "../shared/config/load.ts";
import type { Config } from "../shared/config/schema.ts";
import { usedFiles, usedVariables } from "../shared/config/used-files.ts";
import { systemClock } from "../shared/host/clock.ts";
import type { Environment } from "../shared/host/environment.ts";
import { Fault, failureOf } from "../shared/host/fault.ts";
import { FollowedFiles } from "../shared/host/followed-files.ts";
import type { Log } from "../shared/host/log.ts";
import { LocalSecrets } from "../shared/host/secrets.ts";
import { readTlsSettings, type TlsFiles } from "../shared/http/tls.ts";
import type { ReloadableSettings } from "./standalone.ts";

interface LiveConfigDeps {
  readonly path: string;
  readonly tls: TlsFiles;
  readonly environment: Environment;
  readonly log: Log;
}

/** Settings that passed every check. */
interface CheckedSettings extends ReloadableSettings {
  readonly digest: string;
  readonly warnings: readonly ConfigFinding[];
}

/**
 * The configuration of a running bridge: it is read at the start, and again after each change of a file that it consists
 * of. New settings take effect as a whole, or not at all if one of them is bad.
 */
export class LiveConfig {
  readonly #deps: LiveConfigDeps;
  readonly #files: FollowedFiles;
  #inForce: CheckedSettings | undefined;
  #isClosed = false;
  #use: (settings: ReloadableSettings) => void = () => undefined;

  constructor(deps: LiveConfigDeps) {
    this.#deps = deps;
    this.#files = new FollowedFiles({ paths: () => this.#paths(), reload: () => this.#reload(), log: deps.log });
  }

  /** Returns the settings to start with. Throws `configuration_invalid` with one line for each error. */
  async open(): Promise<CheckedSettings> {
    await this.#files.open();
    this.#inForce = await this.#read();
    return this.#inForce;
  }

  /** Passes the settings to `use` after each change since `open`. `use` throws if it cannot use them. */
  start(use: (settings: ReloadableSettings) => void): void {
    this.#use = use;
    this.#files.start();
  }

  /** Reads every file again, changed or not. */
  reload(): void {
    this.#files.request();
  }

  /** Ends the reloads. One that has begun has no effect. Resolves when it is finished: it may still log. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#files.stop();
  }

  async #reload(): Promise<void> {
    const { path, log } = this.#deps;
    const earlier = this.#inForce?.digest;
    try {
      const settings = await this.#read();
      if (this.#isClosed) return;
      this.#use(settings);
      this.#inForce = settings;
      log.info({ config: path, digest: settings.digest, earlier }, "the configuration was reloaded");
      this.logWarnings(settings.warnings);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const why = error instanceof Fault ? { errors: error.message } : failureOf(error);
      const restart = await this.#restartNeeded();
      log.error(
        { config: path, digest: earlier, ...why, restart },
        "the configuration was not reloaded; the earlier one stays in force",
      );
    }
  }

  logWarnings(warnings: readonly ConfigFinding[]): void {
    for (const { id, message } of warnings) {
      this.#deps.log.warn({ check: id, finding: message }, "the configuration is unsafe or useless in part");
    }
  }

  /** Secrets are read anew each time: a new value takes effect with the configuration that was checked with it. */
  async #read(): Promise<CheckedSettings> {
    const { path, tls, environment } = this.#deps;
    const secrets = new LocalSecrets(environment);
    const { config, warnings } = await readChecked(path, secrets, systemClock);
    return { config, secrets, tls: await readTlsSettings(tls, secrets), digest: digestOf(config), warnings };
  }

  /** Returns the paths of the files in force and of those on disk, which differ if the configuration on disk is bad. */
  async #paths(): Promise<readonly string[]> {
    const { path, tls } = this.#deps;
    const configs = [this.#inForce?.config, await this.#onDisk()].flatMap((config) => config ?? []);
    return [...new Set([path, ...Object.values(tls), ...configs.flatMap(usedFiles)])].filter(
      (path) => path !== undefined,
    );
  }

  /** Returns the parts of the file on disk that have no mistake; undefined if there are none. */
  async #onDisk(): Promise<Config | undefined> {
    const loaded = await readConfig(this.#deps.path).catch(() => undefined);
    return loaded?.ok ? loaded.config : loaded?.valid?.config;
  }

  /** Says that a restart is needed if the configuration on disk names environment variables that are not set. */
  async #restartNeeded(): Promise<string | undefined> {
    const { environment } = this.#deps;
    const config = await this.#onDisk();
    const unset = (config ? usedVariables(config) : []).filter((name) => !environment[name]);
    if (unset.length === 0) return undefined;
    return `a running process cannot see a new environment variable: set ${unset.join(", ")} and restart the bridge`;
  }
}
