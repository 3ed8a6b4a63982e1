import { awsLog } from "../shared/aws/aws-log.ts";
import { AwsSecrets } from "../shared/aws/aws-secrets.ts";
import { gatewayHandler } from "../shared/aws/gateway-events.ts";
import { compiledRouteNames, compiledRunReporters, compiledWithoutRoutes } from "../shared/config/compiled.ts";
import { systemClock as clock } from "../shared/host/clock.ts";
import { bridgeApp } from "./app.ts";
import { awsStores } from "./aws-stores.ts";
import { consoleApp } from "./console-app.ts";

const config = compiledWithoutRoutes();
const stores = awsStores(config.limits);
const deps = { secrets: new AwsSecrets(process.env), clock, log: awsLog("console", process.env, clock) };
// Asked by the console, in this process; no sender's request comes here.
const api = bridgeApp(config, {
  ...{ ...stores, ...deps, issuer: undefined, routes: compiledRunReporters() },
  ready: () => stores.deliveries.get("readiness"),
});

/** The pages under `/console`, behind an HTTP API or a function URL. Deployed where a console is configured. */
export const handler = gatewayHandler(consoleApp(api, config, compiledRouteNames(), deps) ?? api);
