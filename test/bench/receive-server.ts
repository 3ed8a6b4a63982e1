import { jsonLog } from "../../shared/host/log.ts";
import { httpBridge } from "../support/http-bridge.ts";
import { reportToParent } from "./child.ts";

/** The HTTP interface with a store that records at once and keeps nothing; log lines are made and dropped. */
const { url } = await httpBridge({
  log: jsonLog(
    () => undefined,
    () => new Date().toISOString(),
  ),
  receiving: { deliveries: { record: async () => "recorded" } },
});
reportToParent(url);
