import { EXIT } from "../shared/cli/exit-codes.ts";
import { systemClock } from "../shared/host/clock.ts";
import { exitProcess } from "../shared/host/exit.ts";

/** How running work ended. Work that was cut off is in the store and continues at the next start. */
export type StopOutcome = "finished" | "cut_off";

/**
 * One Ctrl-C reaches a process twice if npm started it: from the terminal, and from npm, which forwards it. The same
 * holds for systemd, which signals every process of a service.
 */
const FORWARDED_MS = 100;

/** Stops the bridge at the first signal, then exits. A second signal, the same or another, exits at once. */
export function stopOnSignal({ stop }: { stop(): Promise<StopOutcome> }): void {
  let first: { readonly signal: NodeJS.Signals; readonly at: number } | undefined;
  const onSignal = (signal: "SIGINT" | "SIGTERM"): void => {
    if (first === undefined) {
      first = { signal, at: systemClock.monotonic() };
      void stop().then((outcome) => exitProcess(outcome === "finished" ? EXIT.done : EXIT.cutOff));
      return;
    }
    const isForwarded = signal === first.signal && systemClock.monotonic() - first.at < FORWARDED_MS;
    if (!isForwarded) exitProcess(EXIT[signal]);
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
}
