import type { Environment } from "../host/environment.ts";
import { Fault } from "../host/fault.ts";

/** One of the settings that the infrastructure gives a function in its environment. Throws `configuration_invalid`. */
export function setting(environment: Environment, name: SettingName): string {
  const value = environment[name];
  if (value !== undefined && value !== "") return value;
  throw new Fault("configuration_invalid", `the environment has no ${name}`, { retryable: false });
}

type SettingName =
  /** Tells installations in one account apart. */
  | "STAGE"
  | "TABLE_NAME"
  /** EventBridge. */
  | "BUS_NAME"
  /** SQS: the queue that feeds the function, and the one for what was given up. */
  | "QUEUE_URL"
  | "DEAD_LETTER_QUEUE_URL";
