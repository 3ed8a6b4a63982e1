import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A server in its own process, so that it shares no event loop and no heap with the load. */
export interface Child {
  readonly url: URL;
  usage(): Promise<Usage>;
  stop(): Promise<void>;
}

export interface Usage {
  /** Processor time of the whole process since it started, in milliseconds. */
  readonly cpuMs: number;
  readonly residentBytes: number;
}

/** Runs a file beside this one, which must end in {@link reportToParent}. */
export async function startChild(file: string, args: readonly string[] = []): Promise<Child> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args);
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

/** In the child: sends the address, answers requests for its usage, and ends with the parent. */
export function reportToParent(url: URL): void {
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpuMs: (user + system) / 1_000, residentBytes: process.memoryUsage.rss() } satisfies Usage);
  });
  process.on("disconnect", () => process.exit());
  process.send?.(url.href);
}
