import { tekton } from "../../shared/actions/tekton/index.ts";
import { type CallOut, callOut } from "../../shared/host/call-out.ts";
import type { ActionContext, ActionOutcome } from "../../shared/model/action-outcome.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import type { OriginStore } from "../../shared/store/origins.ts";
import { storeWith } from "./memory-stores.ts";
import { busEventOf, sampleDelivery } from "./samples.ts";
import { actionDeps, secretsOf } from "./test-doubles.ts";

/** The bus event of the page edit number `n`. */
export function pageEntry(n = 1): BusEvent {
  const busEvent = busEventOf(sampleDelivery(n));
  if (!busEvent) throw new Error("a sample delivery holds an event");
  return busEvent;
}

interface TriggerBench {
  /** Deliveries by source and event id, as stored. */
  readonly origins: ReadonlyMap<string, string>;
  run(
    busEvent?: BusEvent,
    changes?: Partial<Pick<ActionContext, "attempt" | "approvedRef" | "signal">>,
  ): Promise<ActionOutcome>;
}

export interface TriggerBenchOptions {
  readonly route?: string;
  readonly target?: object;
  readonly options?: object;
  readonly callOut?: CallOut;
}

/** The action, connected to a listener: route `docs-build`, runs reported by source `cluster`, one param `page`. */
export function triggerBenchFor(url: URL, changes: TriggerBenchOptions = {}): TriggerBench {
  const origins = new Map<string, string>();
  const action = tekton.connect(
    {
      route: changes.route ?? "docs-build",
      targetName: "listener",
      target: { url: url.href, runsReportedBy: "cluster", ...changes.target },
      options: { params: { page: "$.detail.page.id" }, ...changes.options },
    },
    actionDeps({
      secrets: secretsOf({ LISTENER_TOKEN: "a-token-for-the-proxy" }),
      callOut: changes.callOut ?? callOut,
      origins: storeWith<OriginStore>({
        remember: async (source, eventID, delivery) => void origins.set(`${source} ${eventID}`, delivery),
        find: async (source, eventID) => origins.get(`${source} ${eventID}`),
      }),
    }),
  );
  return {
    origins,
    run: (busEvent = pageEntry(), { attempt = 1, approvedRef, signal = new AbortController().signal } = {}) =>
      action.run({ busEvent, origin: busEvent, originProof: "proved", attempt, approvedRef, signal }),
  };
}
