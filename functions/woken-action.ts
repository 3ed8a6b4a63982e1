import { kindOf } from "../shared/host/fault.ts";
import type { Log } from "../shared/host/log.ts";
import type { ActionStatus } from "../shared/store/actions.ts";
import type { Ports } from "./bridge.ts";

/** `<kind>=<url>` of each queue into which the function may send, as the stack sets it; undefined if there is none. */
type ActionQueues = string | undefined;

/**
 * Sends the message of an action that is due. If no target is of its kind any more, another queue gets it: the function
 * there has the route, or gives the action up. Throws if there is no queue.
 */
export async function sendDueAction(action: ActionStatus, actionQueues: ActionQueues): Promise<void> {
  const queues = queuesIn(actionQueues);
  const url = queues.get(action.action) ?? [...queues.values()][0];
  if (url === undefined) throw new Error("the stack has no queue of actions");
  await sendTo(url, action);
}

async function sendTo(url: string, action: ActionStatus): Promise<void> {
  const { sendWake } = await import("../shared/aws/wake-message.ts");
  await sendWake(action, url);
}

/** By kind. */
const queuesIn = (actionQueues = ""): ReadonlyMap<string, string> =>
  new Map([...actionQueues.matchAll(/(\S+?)=(\S+)/g)].map(([, kind = "", url = ""]) => [kind, url]));

/**
 * How a function wakes an action that it has made due: it sends the message at once. What it cannot send is in the index
 * `due`, where the sweep finds it, or has a message that is hidden for two minutes at most.
 */
export function wokenAction(log: Log, actionQueues: ActionQueues = process.env["ACTION_QUEUES"]): Ports["woken"] {
  return async (action) => {
    try {
      const url = queuesIn(actionQueues).get(action.action);
      if (url !== undefined) await sendTo(url, action);
    } catch (error) {
      const { route, delivery } = action;
      log.warn({ route, delivery, error: kindOf(error) }, "a woken action is left to the sweep");
    }
  };
}
