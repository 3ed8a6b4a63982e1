import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface Emulator {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts moto's server on a free port of the loopback address. Its output goes into `logFile`. */
export async function startEmulator(programs: string, logFile: string): Promise<Emulator> {
  const server = spawn(join(programs, "moto_server"), ["--host", "127.0.0.1", "--port", "0"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise<void>((resolve) => server.once("close", () => resolve()));
  const stop = async (): Promise<void> => {
    server.kill();
    await ended;
  };
  const log = createWriteStream(logFile);
  const address = new Promise<string>((resolve, reject) => {
    server.once("error", reject);
    server.once("exit", () => reject(new Error(`moto_server ended before it listened; see ${logFile}`)));
    createInterface({ input: server.stderr }).on("line", (line) => {
      log.write(`${line}\n`);
      const [, url] = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(line) ?? [];
      if (url !== undefined) resolve(url);
    });
  });
  try {
    return { url: await address, stop };
  } catch (error) {
    server.kill();
    throw error;
  }
}
