import * as v from "valibot";
import { setting } from "../shared/aws/settings.ts";
import type { Ports } from "./bridge.ts";

/** The queue of each kind of action, as the stack sets it where a route limits its runs or has environments. */
const queues = v.record(v.string(), v.string());

/** How the relay and the sweep wake an action. The client of SQS is loaded for the first one. */
export const wokenByRelay: Ports["woken"] = async (action) => {
  const queueUrl = v.parse(queues, JSON.parse(setting(process.env, "ACTION_QUEUES")))[action.action];
  if (queueUrl === undefined) return;
  const { sendWake } = await import("../shared/aws/wake-message.ts");
  await sendWake(action, queueUrl);
};
