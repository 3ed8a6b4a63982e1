import { jsonLog } from "../../shared/host/log.ts";
import { httpBridge } from "../support/http-bridge.ts";
import { reportToParent } from "./child.ts";

/** The HTTP interface with a store that records at once and stores nothing. Log lines are built and dropped. */
const { url } = await httpBridge({
  log: jsonLog(
    () => undefined,
    () => new Date().toISOString(),
  ),
  receiving: { deliveries: { record: async () => "recorded" } },
});
reportToParent(url);
