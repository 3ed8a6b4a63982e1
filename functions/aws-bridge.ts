import { awsLog } from "../shared/aws/aws-log.ts";
import { AwsSecrets } from "../shared/aws/aws-secrets.ts";
import { awsToken, bridgeIdentity, kmsKey } from "../shared/aws/bridge-identity.ts";
import { dynamoDbClient } from "../shared/aws/clients.ts";
import { setting } from "../shared/aws/settings.ts";
import { compiledConfig, compiledRouteOutline, compiledWithoutRoutes } from "../shared/config/compiled.ts";
import type { Config } from "../shared/config/schema.ts";
import { callOut } from "../shared/host/call-out.ts";
import { systemClock as clock } from "../shared/host/clock.ts";
import { openIssuer } from "../shared/outbound/open-issuer.ts";
import { openStores, type Stores } from "../shared/store/dynamodb/open-stores.ts";
import { type Bridge, buildBridge } from "./bridge.ts";

/** Returns the bridge of a function that runs actions. Its configuration contains the routes. */
export const awsBridge = (name: string): Bridge => bridgeOf(name, compiledConfig());

/** Returns the bridge of a function that runs no action. Its bundle does not contain the code for patterns. */
export const awsBridgeWithoutRoutes = (name: string): Bridge => bridgeOf(name, compiledWithoutRoutes());

function bridgeOf(name: string, config: Config): Bridge {
  const secrets = new AwsSecrets(process.env);
  return buildBridge(config, compiledRouteOutline(), {
    stores: awsStores(config.limits),
    secrets,
    clock,
    log: awsLog(name, process.env, clock),
    callOut,
    random: Math.random,
    issuer: openIssuer(bridgeIdentity(config, process.env), { secrets, kmsKey }),
    awsToken,
    // The table's stream invokes the relay.
    recorded: () => undefined,
  });
}

/** The stores over the deployed table, whose stream invokes the relay. */
function awsStores({ retentionDays }: Config["limits"]): Stores {
  const options = { retentionDays, markUnrelayed: false, clock };
  return openStores(dynamoDbClient(), setting(process.env, "TABLE_NAME"), options);
}
