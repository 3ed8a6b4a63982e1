import { systemClock, toIso } from "../../shared/host/clock.ts";
import { jsonLog } from "../../shared/host/log.ts";
import { httpBridge } from "../support/http-bridge.ts";
import { reportToParent } from "./child.ts";
import { gitlabSource } from "./gitlab-source.ts";

/** The HTTP interface with a store that records at once and stores nothing. Log lines are built and dropped. */
const { url } = await httpBridge({
  clock: systemClock,
  log: jsonLog(
    () => undefined,
    () => toIso(systemClock.now()),
  ),
  receiving: { deliveries: { record: async () => "recorded" } },
  sources: new Map([["gitlab", gitlabSource()]]),
});
reportToParent(url);
