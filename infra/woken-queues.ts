import type { IGrantable } from "aws-cdk-lib/aws-iam";
import type { ConfiguredRoute } from "../shared/config/schema.ts";
import type { ActionQueue } from "./action-queue.ts";

/** The queues into which the end of a run sends the message of an action that waited for it. */
export interface WokenQueues {
  /** Empty if no action waits for a run: the function then has no right to send anything. */
  readonly environment: Readonly<Record<string, string>>;
  grantTo(grantee: IGrantable): void;
}

export function wokenQueues(
  routes: readonly Pick<ConfiguredRoute, "action" | "flow" | "environments">[],
  queues: ReadonlyMap<string, ActionQueue>,
): WokenQueues {
  const waiting = routes.filter(({ flow, environments }) => flow?.running !== undefined || environments !== undefined);
  const kinds = new Set(waiting.map(({ action }) => action));
  const woken = [...queues].filter(([kind]) => kinds.has(kind)).map(([kind, { queue }]) => [kind, queue] as const);
  const urls = Object.fromEntries(woken.map(([kind, queue]) => [kind, queue.queueUrl]));
  return {
    environment: woken.length === 0 ? {} : { ACTION_QUEUES: JSON.stringify(urls) },
    grantTo: (grantee) => {
      for (const [, queue] of woken) queue.grant(grantee, "sqs:SendMessage");
    },
  };
}
