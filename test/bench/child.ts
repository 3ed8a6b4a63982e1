import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A program in its own process, so that it shares no event loop and no heap with the others of a measure. */
export interface Child {
  readonly url: URL;
  /** Sends a message and resolves with the answer. One question at a time. */
  ask<Answer>(message: object): Promise<Answer>;
  usage(): Promise<Usage>;
  stop(): Promise<void>;
}

export interface Usage {
  /** Processor time of the whole process since it started, in milliseconds. */
  readonly cpuMs: number;
  readonly residentBytes: number;
}

/** Runs a file beside this one, or at an address, which must end in {@link reportToParent}. */
export async function startChild(file: string, args: readonly string[] = [], cwd = process.cwd()): Promise<Child> {
  // JSON cannot pass every number.
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, { cwd, serialization: "advanced" });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const answer = <T>(): Promise<T> =>
    new Promise((resolve, reject) => {
      const onExit = (): void => reject(new Error(`${file} ended`));
      child.once("exit", onExit);
      child.once("message", (message) => {
        child.off("exit", onExit);
        // Sent by `reportToParent`, below.
        resolve(message as T);
      });
    });
  const url = new URL(await answer<string>());
  return {
    url,
    ask: (message) => {
      child.send(message);
      return answer();
    },
    usage: () => {
      child.send("usage");
      return answer<Usage>();
    },
    stop: () => {
      child.disconnect();
      return ended;
    },
  };
}

/** In the child: sends the address, answers requests for its usage and other questions, and ends with the parent. */
export function reportToParent(url: URL, answerTo?: (question: unknown) => Promise<object>): void {
  process.on("message", async (message) => {
    if (message !== "usage") {
      process.send?.(await answerTo?.(message));
      return;
    }
    const { user, system } = process.cpuUsage();
    process.send?.({ cpuMs: (user + system) / 1_000, residentBytes: process.memoryUsage.rss() } satisfies Usage);
  });
  process.on("disconnect", () => process.exit());
  process.send?.(url.href);
}
