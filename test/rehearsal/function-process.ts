import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import * as v from "valibot";

const childMessage = v.union([
  v.object({ ready: v.literal(true) }),
  v.object({ call: v.number(), answer: v.unknown() }),
  v.object({ call: v.number(), error: v.string() }),
]);

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A packaged function in its own process, with only the given environment. */
export class FunctionProcess {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ready: Promise<void>;
  readonly #ended: Promise<void>;
  #calls = 0;

  /** `index` is the package's first module; `log` is the descriptor of the file for its output. */
  constructor(
    name: string,
    index: string,
    { env, log }: { readonly env: Record<string, string>; readonly log: number },
  ) {
    const host = fileURLToPath(new URL("function-host.mjs", import.meta.url));
    this.#name = name;
    this.#child = fork(host, [index], { env, execArgv: [], stdio: ["ignore", log, log, "ipc"] });
    this.#ended = new Promise((resolve) => this.#child.once("exit", () => resolve()));
    this.#ready = new Promise((resolve, reject) => {
      this.#child.once("exit", (code, signal) => {
        const error = new Error(`${name} ended (${signal ?? code}); see its log`);
        reject(error);
        for (const { reject } of this.#waiting.values()) reject(error);
      });
      this.#child.on("message", (message) => {
        const read = v.parse(childMessage, message);
        if ("ready" in read) return resolve();
        const waiting = this.#waiting.get(read.call);
        this.#waiting.delete(read.call);
        if ("error" in read) waiting?.reject(new Error(`${name} failed: ${read.error}; see its log`));
        else waiting?.resolve(read.answer);
      });
    });
    // The first call throws the error.
    this.#ready.catch(() => undefined);
  }

  get calls(): number {
    return this.#calls;
  }

  /** Throws if the function throws, or its process ends. */
  async call(event: unknown): Promise<unknown> {
    await this.#ready;
    const call = ++this.#calls;
    if (!this.#child.connected) throw new Error(`${this.#name} has ended; see its log`);
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject });
      this.#child.send({ call, event });
    });
  }

  async stop(): Promise<void> {
    this.#child.kill();
    await this.#ended;
  }
}
