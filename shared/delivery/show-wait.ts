import { kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import type { ActionOutcome } from "../model/action-outcome.ts";
import type { FlowEvent } from "../model/event.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import { type FlowEventDeps, flowRecord, isTaken } from "./flow-events.ts";
import { recordNew } from "./record-new.ts";
import type { ShownAttempt } from "./run-attempt.ts";

interface ShowWaitDeps extends FlowEventDeps {
  readonly log: Log;
}

/**
 * Records that an action waits in its flow, that it waits for something else now, or that it waits no more: as events of
 * the bridge's own, so that a page shows it. They are numbered, and one is recorded only if it says something else than the
 * one before it: an attempt that a crash repeats records nothing twice. Never throws: a target may have been called, and the
 * next attempt of an action that could not be stored reports again.
 */
export async function showWait(attempt: ShownAttempt, outcome: ActionOutcome, deps: ShowWaitDeps): Promise<void> {
  try {
    await show(attempt, outcome, deps);
  } catch (error) {
    deps.log.error({ route: attempt.route.name, error: kindOf(error) }, "a side effect of an event failed");
  }
}

async function show(attempt: ShownAttempt, outcome: ActionOutcome, deps: ShowWaitDeps): Promise<void> {
  const { busEvent, cause, originProof: proof, route, claim } = attempt;
  const reason = reasonOf(outcome);
  const at = deps.clock.now();
  const recordOf = (number: number): RecordedDelivery =>
    flowRecord({
      type: reason === undefined ? "flow.ended" : "flow.waiting",
      keyParts: [claim.id, String(number)],
      subject: `${route.name} of ${busEvent.detail.subject}`,
      flow: { route: route.name, of: busEvent.detail.id, ...reason },
      at,
      cause,
      proof,
    });
  if (!(await isTaken([recordOf(1)], deps))) return;
  let before: FlowEvent["flow"] | undefined;
  for (let number = 1; number <= MAX_CHANGES; number++) {
    const next = recordOf(number);
    const shown = await deps.deliveries.get(next.id);
    if (shown !== undefined) {
      before = flowIn(shown);
      continue;
    }
    const isInFlow = outcome.outcome === "wait" && outcome.inFlow !== undefined;
    const isNew = before?.text === undefined ? isInFlow : before.text !== reason?.text;
    // The last number is for the end.
    if (isNew && (reason === undefined || number < MAX_CHANGES)) await recordNew(next, deps);
    return;
  }
}

/** Of what one action waits for. Each is read again with the next one. */
const MAX_CHANGES = 50;

/** What the action waits for; undefined if it waits no more. A failure of its target is not for pages. */
function reasonOf(outcome: ActionOutcome): Pick<FlowEvent["flow"], "text" | "behind"> | undefined {
  if (outcome.outcome === "retry") return { text: "waits for another attempt" };
  if (outcome.outcome !== "wait") return undefined;
  const { inFlow } = outcome;
  if (inFlow === undefined) return { text: "waits to be started" };
  if (inFlow.length === 0) return { text: "waits for its turn" };
  return { text: `waits for the end of the run of ${inFlow.join(" or ")}`, behind: inFlow };
}

function flowIn({ events }: Pick<RecordedDelivery, "events">): FlowEvent["flow"] | undefined {
  const [event] = events ?? [];
  return event && "flow" in event ? event.flow : undefined;
}
