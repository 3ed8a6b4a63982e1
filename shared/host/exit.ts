import { hasHangingRead } from "./small-file.ts";

/**
 * Ends the process with this code. An exit would wait for a read that hangs, perhaps for ever, so the process is then
 * killed instead; all that it recorded is in the store.
 */
export function exitProcess(code: number): never {
  if (hasHangingRead()) process.kill(process.pid, "SIGKILL");
  process.exit(code);
}
