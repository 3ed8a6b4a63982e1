import type { Environment } from "../host/environment.ts";
import { Fault } from "../host/fault.ts";

/** A setting in the environment of a function, set by the infrastructure. Throws `configuration_invalid`. */
export function setting(environment: Environment, name: SettingName): string {
  const value = environment[name];
  if (value !== undefined && value !== "") return value;
  throw new Fault("configuration_invalid", `the environment has no ${name}`, { retryable: false });
}

type SettingName =
  /** Name of the installation, unique in its account. */
  | "STAGE"
  | "TABLE_NAME"
  /** EventBridge. */
  | "BUS_NAME"
  /** SQS: the queue that feeds the function, and its dead-letter queue. */
  | "QUEUE_URL"
  | "DEAD_LETTER_QUEUE_URL"
  /** SQS: the records that the table did not take. */
  | "SPILL_QUEUE_URL";
