import { awsLog } from "../shared/aws/aws-log.ts";
import { AwsSecrets } from "../shared/aws/aws-secrets.ts";
import { bridgeIdentity, kmsKey } from "../shared/aws/bridge-identity.ts";
import { gatewayHandler } from "../shared/aws/gateway-events.ts";
import { compiledRunReporters, compiledWithoutRoutes } from "../shared/config/compiled.ts";
import { systemClock as clock } from "../shared/host/clock.ts";
import { openIssuer } from "../shared/outbound/open-issuer.ts";
import { bridgeApp } from "./app.ts";
import { awsStores } from "./aws-stores.ts";

const config = compiledWithoutRoutes();
const secrets = new AwsSecrets(process.env);
const stores = awsStores(config.limits);

/** The HTTP interface, behind an HTTP API or a function URL. */
export const handler = gatewayHandler(
  bridgeApp(config, {
    ...stores,
    secrets,
    routes: compiledRunReporters(),
    issuer: openIssuer(bridgeIdentity(config, process.env), { secrets, kmsKey }),
    // Any item will do: an answer that there is none comes from the table too.
    ready: () => stores.deliveries.get("readiness"),
    clock,
    log: awsLog("receive", process.env, clock),
  }),
);
