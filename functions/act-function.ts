import type { Action } from "../shared/actions/action.ts";
import { awsToken } from "../shared/aws/aws-token.ts";
import { sqsClient } from "../shared/aws/clients.ts";
import { queueHandler } from "../shared/aws/queue-messages.ts";
import { setting } from "../shared/aws/settings.ts";
import { compiledConfig } from "../shared/config/compiled.ts";
import { DEFAULT_RETRY } from "../shared/delivery/backoff.ts";
import { actOn } from "../shared/delivery/schedule.ts";
import { actDeps } from "./act-deps.ts";
import { awsBridge } from "./aws-bridge.ts";

/** Returns the handler of a function that runs one kind of action from its queue. */
export function actFunction(action: Action): ReturnType<typeof queueHandler> {
  const bridge = awsBridge(`act-${action.name}`, compiledConfig());
  // `actOn` looks for the route first, and a queue message has the time since which it waits.
  const missingMs = (): number => 0;
  const deps = actDeps(bridge, { actions: [action], retry: DEFAULT_RETRY, missingMs, awsToken });
  return queueHandler({
    async run(route, queued) {
      const result = await actOn(route, queued, deps);
      await bridge.credentialUsage.settled();
      return result;
    },
    sqs: sqsClient(),
    queueUrl: setting(process.env, "QUEUE_URL"),
    deadLetterQueueUrl: setting(process.env, "DEAD_LETTER_QUEUE_URL"),
    clock: bridge.clock,
    log: bridge.log,
  });
}
