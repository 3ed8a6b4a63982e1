import * as v from "valibot";
import { kindOf } from "../shared/host/fault.ts";
import type { Log } from "../shared/host/log.ts";
import type { ActionStatus } from "../shared/store/actions.ts";
import type { Ports } from "./bridge.ts";

/** The queue of each kind of action into which the function may send, as the stack sets it; undefined if there is none. */
type ActionQueues = string | undefined;

const queues = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.string()));

/** Sends the message of an action. False if the function may send none to the queue of its kind. */
export async function sendAction(action: ActionStatus, actionQueues: ActionQueues): Promise<boolean> {
  const queueUrl = actionQueues === undefined ? undefined : v.parse(queues, actionQueues)[action.action];
  if (queueUrl === undefined) return false;
  const { sendWake } = await import("../shared/aws/wake-message.ts");
  await sendWake(action, queueUrl);
  return true;
}

/**
 * How a function wakes an action that it has made due: it sends the message at once. What it cannot send is in the index
 * `due`, where the sweep finds it, or has a message that is hidden for two minutes at most.
 */
export function wokenAction(deps: { readonly actionQueues: ActionQueues; readonly log: Log }): Ports["woken"] {
  return async (action) => {
    try {
      await sendAction(action, deps.actionQueues);
    } catch (error) {
      const { route, delivery } = action;
      deps.log.warn({ route, delivery, error: kindOf(error) }, "a woken action is left to the sweep");
    }
  };
}
