import { kindOf } from "../shared/host/fault.ts";
import type { Log } from "../shared/host/log.ts";
import type { ActionStatus } from "../shared/store/actions.ts";
import type { Ports } from "./bridge.ts";

/** `<kind>=<url>` of each queue into which the function may send, as the stack sets it; undefined if there is none. */
type ActionQueues = string | undefined;

/** Sends the message of an action. False if the function may send none to the queue of its kind. */
async function sendAction(action: ActionStatus, actionQueues: ActionQueues): Promise<boolean> {
  const queue = queuesIn(actionQueues).find(({ kind }) => kind === action.action);
  if (queue === undefined) return false;
  const { sendWake } = await import("../shared/aws/wake-message.ts");
  await sendWake(action, queue.url);
  return true;
}

/**
 * As {@link sendAction}. If no target is of the kind any more, it sends the message to another queue: the function there has
 * the route, or gives the action up. Throws if there is no queue.
 */
export async function sendDueAction(action: ActionStatus, actionQueues: ActionQueues): Promise<void> {
  if (await sendAction(action, actionQueues)) return;
  const [other] = queuesIn(actionQueues);
  if (other === undefined) throw new Error("the stack has no queue of actions");
  await sendAction({ ...action, action: other.kind }, actionQueues);
}

const queuesIn = (actionQueues: ActionQueues) =>
  (actionQueues?.split(" ") ?? []).map((one) => {
    const [kind = "", ...url] = one.split("=");
    return { kind, url: url.join("=") };
  });

/**
 * How a function wakes an action that it has made due: it sends the message at once. What it cannot send is in the index
 * `due`, where the sweep finds it, or has a message that is hidden for two minutes at most.
 */
export function wokenAction(log: Log, actionQueues: ActionQueues = process.env["ACTION_QUEUES"]): Ports["woken"] {
  return async (action) => {
    try {
      await sendAction(action, actionQueues);
    } catch (error) {
      const { route, delivery } = action;
      log.warn({ route, delivery, error: kindOf(error) }, "a woken action is left to the sweep");
    }
  };
}
