import { gatewayHandler } from "../shared/aws/gateway-events.ts";
import { awsBridgeWithoutRoutes } from "./aws-bridge.ts";
import { consoleApp } from "./console-app.ts";
import { receiveApp } from "./receive-app.ts";

const bridge = awsBridgeWithoutRoutes("console");
// The console calls the interface in this process. Requests of senders do not reach this function.
const api = receiveApp(bridge, () => bridge.deliveries.get("readiness"));

/** The pages under `/console`, behind an HTTP API or a function URL. Deployed if a console is configured. */
export const handler = gatewayHandler(consoleApp(api, bridge) ?? api);
