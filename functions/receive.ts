import { gatewayHandler } from "../shared/aws/gateway-events.ts";
import { compiledWithoutRoutes } from "../shared/config/compiled.ts";
import { readinessByRead } from "../shared/delivery/readiness.ts";
import { awsBridge } from "./aws-bridge.ts";
import { receiveApp } from "./receive-app.ts";
import { tokenVerifier } from "./token-verifier.ts";

const bridge = awsBridge("receive", compiledWithoutRoutes(), tokenVerifier);

/** The HTTP interface, behind an HTTP API or a function URL. `ready` reads an item that need not exist. */
export const handler = gatewayHandler(
  receiveApp(bridge, () => readinessByRead(() => bridge.deliveries.get("readiness"))),
);
