import { gatewayHandler } from "../shared/aws/gateway-events.ts";
import { awsBridgeWithoutRoutes } from "./aws-bridge.ts";
import { receiveApp } from "./receive-app.ts";

const bridge = awsBridgeWithoutRoutes("receive");

/** The HTTP interface, behind an HTTP API or a function URL. `ready` reads an item that need not exist. */
export const handler = gatewayHandler(receiveApp(bridge, () => bridge.deliveries.get("readiness")));
