import type { Action } from "../shared/actions/action.ts";
import { createCommands } from "../shared/approvals/execute-command.ts";
import { peopleOf } from "../shared/approvals/people.ts";
import { awsLog } from "../shared/aws/aws-log.ts";
import { AwsSecrets } from "../shared/aws/aws-secrets.ts";
import { awsToken, bridgeIdentity, kmsKey } from "../shared/aws/bridge-identity.ts";
import { sqsClient } from "../shared/aws/clients.ts";
import { queueHandler } from "../shared/aws/queue-messages.ts";
import { setting } from "../shared/aws/settings.ts";
import { compiledConfig } from "../shared/config/compiled.ts";
import { connectAction, runReporters } from "../shared/config/connect-action.ts";
import { tokenEncryptionsOf } from "../shared/config/system-tokens.ts";
import { actOn } from "../shared/delivery/act-on.ts";
import { DEFAULT_RETRY } from "../shared/delivery/backoff.ts";
import { CredentialUsage } from "../shared/delivery/credential-usage.ts";
import { callOut } from "../shared/host/call-out.ts";
import { systemClock as clock } from "../shared/host/clock.ts";
import { policyOf } from "../shared/identity/policy.ts";
import { openIssuer } from "../shared/outbound/open-issuer.ts";
import { OutboundTokens } from "../shared/outbound/outbound-tokens.ts";
import { SystemTokens } from "../shared/outbound/system-tokens.ts";
import { awsStores } from "./aws-stores.ts";

/** The function that runs one kind of action, from its queue. */
export function actFunction(action: Action): ReturnType<typeof queueHandler> {
  const config = compiledConfig();
  const log = awsLog(`act-${action.name}`, process.env, clock);
  const random = Math.random;
  const stores = awsStores(config.limits);
  const secrets = new AwsSecrets(process.env);
  const issuer = openIssuer(bridgeIdentity(config, process.env), { secrets, kmsKey });
  const outbound = new OutboundTokens({ secrets, callOut, clock, issuer, awsToken });
  const systemTokens = new SystemTokens({ ...stores, encryptions: tokenEncryptionsOf(config), secrets, clock, log });
  const credentialUsage = new CredentialUsage({ ...stores, log });
  const policy = policyOf(config.roles);
  const allRoutes = runReporters(config);
  const commands = createCommands({ ...stores, policy, people: peopleOf(config), routes: allRoutes, clock });
  const deps = { ...stores, secrets, clock, callOut, outbound, systemTokens, commands, random, credentialUsage };
  const routes = connectAction(action, config, deps);
  return queueHandler({
    async run(route, happening) {
      const deps = { ...stores, routes, allRoutes, retry: DEFAULT_RETRY, clock, random, log };
      const acted = await actOn(route, happening, deps);
      await credentialUsage.settled();
      return acted;
    },
    sqs: sqsClient(),
    queueUrl: setting(process.env, "QUEUE_URL"),
    deadLetterQueueUrl: setting(process.env, "DEAD_LETTER_QUEUE_URL"),
    clock,
    log,
  });
}
