import { gatewayHandler } from "../shared/aws/gateway-events.ts";
import { compiledWithoutRoutes } from "../shared/config/compiled.ts";
import { awsBridge } from "./aws-bridge.ts";
import { awsRequests } from "./aws-requests.ts";
import { consoleApp } from "./console-app.ts";
import { receiveApp } from "./receive-app.ts";
import { tokenVerifier } from "./token-verifier.ts";
import { wokenAction } from "./woken-action.ts";

const bridge = awsBridge("console", compiledWithoutRoutes(), { verifierOf: tokenVerifier, wokenOf: wokenAction });
// The console calls it in this process; no sender's request comes here.
const api = receiveApp(bridge, awsRequests(bridge));

/** The pages under `/console`, behind an HTTP API or a function URL. Deployed if a console is configured. */
export const handler = gatewayHandler(consoleApp(api, bridge) ?? api);
