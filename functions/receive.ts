import { gatewayHandler } from "../shared/aws/gateway-events.ts";
import { setting } from "../shared/aws/settings.ts";
import { spillingTable } from "../shared/aws/spilling-table.ts";
import { compiledWithoutRoutes } from "../shared/config/compiled.ts";
import { awsBridge, awsTable } from "./aws-bridge.ts";
import { awsRequests } from "./aws-requests.ts";
import { receiveApp } from "./receive-app.ts";
import { tokenVerifier } from "./token-verifier.ts";

const config = compiledWithoutRoutes();
const { table, options } = awsTable(config);
const spilling = spillingTable(table, async (item, fault) => {
  const { spillRecord } = await import("../shared/aws/spilled-records.ts");
  await spillRecord(item, fault, { queueUrl: setting(process.env, "SPILL_QUEUE_URL"), log: bridge.log });
});
const bridge = awsBridge("receive", config, { verifierOf: tokenVerifier, opened: { table: spilling, options } });

/** The HTTP interface, behind an HTTP API or a function URL. */
export const handler = gatewayHandler(receiveApp(bridge, awsRequests(bridge)));
