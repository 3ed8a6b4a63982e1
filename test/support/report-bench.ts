import type { Action, ActionDeps } from "../../shared/actions/action.ts";
import { type CallOut, callOut } from "../../shared/host/call-out.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import type { BuildPart } from "../../shared/model/event.ts";
import { buildEntry, entryOf } from "./sandbox-confluence-action.ts";
import { actionDeps, secretsOf } from "./test-doubles.ts";

interface BenchOptions {
  readonly target: object;
  readonly token: string;
  readonly options?: object;
  readonly callOut?: CallOut;
  readonly deps?: Partial<ActionDeps>;
}

interface ReportBench {
  run(busEvent: BusEvent, origin: BusEvent, signal?: AbortSignal): Promise<ActionOutcome>;
  /** Runs the action for a state of the build 512 that `origin` caused. */
  report(origin: BusEvent, changes?: Partial<BuildPart>): Promise<ActionOutcome>;
}

/** A connected action that reports to the system which caused a run. Its target's token is `env:TOKEN`. */
export function reportBench(action: Action, changes: BenchOptions): ReportBench {
  const connected = action.connect(
    {
      route: "report",
      targetName: "reports",
      target: { token: "env:TOKEN", ...changes.target },
      options: changes.options ?? {},
    },
    actionDeps({ secrets: secretsOf({ TOKEN: changes.token }), callOut: changes.callOut ?? callOut, ...changes.deps }),
  );
  const run: ReportBench["run"] = (busEvent, origin, signal = new AbortController().signal) =>
    connected.run({ busEvent, origin, originProof: "proved", attempt: 1, signal });
  return { run, report: (origin, build) => run(buildEntry(build), origin) };
}

/** A bus event of `provider`, with the members that an action reads. */
export function causeOf(
  provider: string,
  detail: Readonly<Record<string, unknown>> & { readonly type: string },
): BusEvent {
  const event = { time: "2026-11-02T08:58:00.000Z", subject: "cause", ...detail };
  // A test leaves out members that the action does not read, and adds members that no provider sends.
  return { ...entryOf("d-cause", event as Parameters<typeof entryOf>[1]), source: `drawbridge.${provider}` };
}
