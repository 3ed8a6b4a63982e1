import { type ChildProcess, spawn } from "node:child_process";
import { EXIT } from "../../shared/cli/exit-codes.ts";
import { SECRETS } from "./traffic.ts";

interface Running {
  readonly child: ChildProcess;
  readonly url: URL;
  readonly ended: Promise<string | number | null>;
}

/** How long a start may take on a machine with other work. */
const START_MS = 60_000;
/** How long a process may take to stop after SIGTERM. */
const STOP_MS = 30_000;

/** The bridge in a process of its own, which is killed and started again. */
export class BridgeUnderTest {
  /** Times, on the monotonic clock, at which the process was killed, stopped or moved in time. */
  readonly disturbances: number[] = [];
  readonly counts = { starts: 0, kills: 0, terminations: 0, stops: 0, clockSteps: 0 };
  addedMs = 0;
  readonly #program: string;
  readonly #args: readonly string[];
  #running: Running | undefined;

  constructor(program: string, args: readonly string[]) {
    this.#program = program;
    this.#args = args;
  }

  /** Undefined while no process runs. */
  get url(): URL | undefined {
    return this.#running?.url;
  }

  async start(): Promise<void> {
    const environment = { ...process.env, ...SECRETS, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" };
    const child = spawn(process.execPath, [this.#program, ...this.#args], {
      env: environment,
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const ended = new Promise<string | number | null>((resolve) => {
      child.once("exit", (code, signal) => resolve(signal ?? code));
    });
    child.send({ addedMs: this.addedMs });
    const url = await new Promise<URL>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`the bridge was not up after ${START_MS} ms`)), START_MS);
      child.once("message", (message: { readonly url: string }) => {
        clearTimeout(late);
        resolve(new URL(message.url));
      });
      void ended.then((how) => {
        clearTimeout(late);
        reject(new Error(`the bridge ended at its start: ${how}`));
      });
    });
    this.#running = { child, url, ended };
    this.counts.starts += 1;
    this.disturbances.push(performance.now());
  }

  async kill(): Promise<void> {
    if (this.#running !== undefined) this.counts.kills += 1;
    await this.#end("SIGKILL");
  }

  /** Throws if the process does not end. */
  async terminate(): Promise<void> {
    this.counts.terminations += 1;
    const ended = await this.#end("SIGTERM");
    if (ended !== EXIT.done && ended !== EXIT.cutOff) throw new Error(`after SIGTERM the bridge ended with ${ended}`);
  }

  async stopFor(ms: number): Promise<void> {
    const { child } = this.#running ?? {};
    if (child === undefined) return;
    this.counts.stops += 1;
    this.disturbances.push(performance.now());
    child.kill("SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, ms));
    child.kill("SIGCONT");
    this.disturbances.push(performance.now());
  }

  moveClock(addedMs: number): void {
    this.counts.clockSteps += 1;
    this.disturbances.push(performance.now());
    this.addedMs = addedMs;
    this.#running?.child.send({ addedMs });
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<string | number | null> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return EXIT.done;
    this.disturbances.push(performance.now());
    running.child.kill(signal);
    const late = setTimeout(() => running.child.kill("SIGKILL"), STOP_MS);
    const ended = await running.ended;
    clearTimeout(late);
    return ended;
  }
}
