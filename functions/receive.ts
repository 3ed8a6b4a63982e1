import { gatewayHandler } from "../shared/aws/gateway-events.ts";
import { compiledWithoutRoutes } from "../shared/config/compiled.ts";
import { awsBridge } from "./aws-bridge.ts";
import { awsRequests } from "./aws-requests.ts";
import { receiveApp } from "./receive-app.ts";
import { tokenVerifier } from "./token-verifier.ts";

const bridge = awsBridge("receive", compiledWithoutRoutes(), { verifierOf: tokenVerifier });

/** The HTTP interface, behind an HTTP API or a function URL. */
export const handler = gatewayHandler(receiveApp(bridge, awsRequests(bridge)));
