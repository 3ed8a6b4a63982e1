import type { Action } from "../shared/actions/action.ts";
import { awsToken } from "../shared/aws/aws-token.ts";
import { queueHandler } from "../shared/aws/queue-messages.ts";
import { setting } from "../shared/aws/settings.ts";
import { sqsClient } from "../shared/aws/sqs-client.ts";
import { compiledConfig } from "../shared/config/compiled-config.ts";
import { actOn } from "../shared/delivery/act-on-message.ts";
import { DEFAULT_RETRY } from "../shared/delivery/backoff.ts";
import { openPageStores } from "../shared/store/open-page-stores.ts";
import { actDeps } from "./act-deps.ts";
import { awsBridge, awsTable } from "./aws-bridge.ts";
import { wokenAction } from "./woken-action.ts";

/** Returns the handler of a function that runs one kind of action from its queue. */
export function actFunction(action: Action): ReturnType<typeof queueHandler> {
  const config = compiledConfig();
  const { table, options } = awsTable(config);
  const bridge = awsBridge(`act-${action.name}`, config, { opened: { table, options }, wokenOf: wokenAction });
  const pageStores = openPageStores(table, options);
  const { clock } = bridge;
  // A deployment starts new processes, so each of them has its configuration from its start on.
  const startedAt = clock.now();
  const missingMs = (): number => clock.now() - startedAt;
  const acting = actDeps(bridge, {
    actions: [action],
    retry: DEFAULT_RETRY,
    pageStores,
    missingMs,
    awsToken,
  });
  const deps = { ...acting, ownAccounts: bridge.ownAccounts };
  return queueHandler({
    async run(message) {
      const result = await actOn(message, deps);
      await bridge.credentialUsage.settled();
      return result;
    },
    sqs: sqsClient(),
    queueUrl: setting(process.env, "QUEUE_URL"),
    deadLetterQueueUrl: setting(process.env, "DEAD_LETTER_QUEUE_URL"),
    clock,
    log: bridge.log,
  });
}
