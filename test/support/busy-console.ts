import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../shared/host/clock.ts";
import { openTable } from "../../shared/store/sqlite/open.ts";
import { openAllStores } from "./all-stores.ts";
import { busyDay, storeDay } from "./busy-day.ts";
import { consoleBridge } from "./console-bridge.ts";
import { silentLog } from "./test-doubles.ts";

/** The bridge with its console, after a week with this many deliveries. */
export async function busyConsole(count: number) {
  const dataPath = await mkdtemp(join(tmpdir(), "drawbridge-busy-"));
  const now = systemClock.now();
  const database = openTable(dataPath, silentLog);
  const options = { retentionDays: 30, markUnrelayed: true, singleProcess: true, clock: systemClock };
  await storeDay(busyDay(now, count), openAllStores(database.table, options), now);
  database.close();
  const bridge = await consoleBridge({ dataPath, changes: CHANGES });
  return {
    ...bridge,
    stop: async () => {
      await bridge.stop();
      await rm(dataPath, { recursive: true, force: true });
    },
  };
}

/** A listener that nothing answers for: its actions are due only later. */
const LISTENER = { kind: "tekton", url: "http://127.0.0.1:9", runsReportedBy: "cluster" };

const buildOf = (team: string, target = "listener") => ({
  [`${team}-build`]: {
    when: { "detail-type": ["code.pushed"], detail: { code: { project: [{ prefix: `${team}/` }] } } },
    do: { tekton: { target } },
  },
});

const CHANGES = {
  targets: {
    "prod-listener": LISTENER,
    code: { kind: "gitlab", url: "http://127.0.0.1:9", token: "env:PAGES", projects: ["platform/*"] },
  },
  routes: {
    ...buildOf("payments"),
    ...buildOf("mobile"),
    ...buildOf("web"),
    ...buildOf("data"),
    ...buildOf("sre"),
    "release-deploy": {
      when: { "detail-type": ["code.pushed"], detail: { code: { name: [{ prefix: "release/" }] } } },
      do: { tekton: { target: "prod-listener" } },
    },
  },
};
