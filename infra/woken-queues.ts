import type { IGrantable } from "aws-cdk-lib/aws-iam";
import type { ConfiguredRoute } from "../shared/config/schema.ts";
import type { ActionQueue } from "./action-queue.ts";

/** The queues into which a function sends the message of an action that waits. */
export interface WokenQueues {
  /** Empty if no action waits for what the function does: it then has no right to send anything. */
  readonly environment: Readonly<Record<string, string>>;
  grantTo(grantee: IGrantable): void;
}

/** The queues of these kinds of actions. */
export function wokenQueues(kinds: ReadonlySet<string>, queues: ReadonlyMap<string, ActionQueue>): WokenQueues {
  const woken = [...queues].filter(([kind]) => kinds.has(kind));
  const urls = woken.map(([kind, { queue }]) => `${kind}=${queue.queueUrl}`);
  return {
    environment: woken.length === 0 ? {} : { ACTION_QUEUES: urls.join(" ") },
    grantTo: (grantee) => {
      for (const [, { queue }] of woken) queue.grant(grantee, "sqs:SendMessage");
    },
  };
}

type Waiting = Pick<ConfiguredRoute, "action" | "flow" | "environments" | "approval">;

/** The kinds of actions of which some wait for a decision. */
export const decidedKinds = (routes: readonly Waiting[]): ReadonlySet<string> =>
  new Set(routes.filter(({ approval }) => approval !== undefined).map(({ action }) => action));

/** The kinds of actions of which some wait for a decision, or for the end of another run. */
export const wokenKinds = (routes: readonly Waiting[]): ReadonlySet<string> => {
  const waiting = routes.filter(({ flow, environments }) => flow?.running !== undefined || environments !== undefined);
  return new Set([...decidedKinds(routes), ...waiting.map(({ action }) => action)]);
};
