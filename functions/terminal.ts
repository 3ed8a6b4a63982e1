import { stdin, stdout } from "node:process";
import { createInterface } from "node:readline/promises";
import { type Terminal, usageFault } from "../shared/cli/command.ts";

/**
 * Asks on the terminal. A line that is typed or pasted before its question is kept for it. Ctrl-C ends the process as it
 * does without questions.
 */
export function openTerminal(): Terminal {
  const lines: string[] = [];
  let next: { readonly resolve: (line: string) => void; readonly reject: (error: Error) => void } | undefined;
  let isClosed = false;
  const terminal = createInterface({ input: stdin, output: stdout });
  terminal.on("line", (line) => {
    if (next === undefined) lines.push(line);
    else next.resolve(line);
    next = undefined;
  });
  terminal.once("close", () => {
    isClosed = true;
    next?.reject(ended());
  });
  terminal.once("SIGINT", () => {
    // The terminal is back in its usual mode before the process ends.
    terminal.close();
    process.kill(process.pid, "SIGINT");
  });
  return {
    ask: (question) =>
      new Promise((resolve, reject) => {
        const line = lines.shift();
        if (isClosed && line === undefined) return reject(ended());
        if (isClosed) stdout.write(question);
        else {
          terminal.setPrompt(question);
          terminal.prompt();
        }
        if (line === undefined) next = { resolve, reject };
        else resolve(line);
      }),
    close: () => terminal.close(),
  };
}

const ended = () => usageFault("the input ended before the last question");
