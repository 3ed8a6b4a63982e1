import { setTimeout as sleep } from "node:timers/promises";
import { systemClock as clock } from "../../shared/host/clock.ts";
import { openMemoryTable } from "../../shared/store/sqlite/open.ts";
import { openAllStores } from "../support/all-stores.ts";
import { startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { benchFor } from "../support/sandbox-confluence-action.ts";
import { damageOf, type Schedule, storm, type Task, versionsOfBridge } from "../support/storm.ts";

// Ten pipelines and ten people write one page for a real minute, with the default throttle and a real table. An edit that
// is lost, a wrong state, and more versions of the bridge than it may write are faults.
const SECONDS = 60;
const PROGRESS_SECONDS = 30;

/** The wall clock, with all tasks side by side. */
function realTime(): Schedule {
  const tasks: { readonly at: number; readonly run: Task }[] = [];
  const goOn = async ({ at, run }: (typeof tasks)[number]): Promise<void> => {
    let wait: number | undefined = at;
    while (wait !== undefined) {
      await sleep(wait * 1_000);
      wait = await run();
    }
  };
  return {
    at: (at, run) => void tasks.push({ at, run }),
    run: async () => void (await Promise.all(tasks.map(goOn))),
  };
}

/** What is wrong after the storm, and a line of figures. */
export async function realStorm(): Promise<{ readonly figures: string; readonly faults: readonly string[] }> {
  const database = openMemoryTable();
  const sandbox = await startSandboxConfluence({ product: "cloud" });
  try {
    const { boards } = openAllStores(database.table, {
      retentionDays: 1,
      markUnrelayed: true,
      singleProcess: false,
      clock,
    });
    const target = { progressSeconds: PROGRESS_SECONDS };
    const bench = benchFor(sandbox, "cloud", { clock, boards, random: Math.random, target });
    const given = { sandbox, bench, seconds: SECONDS, progressSeconds: PROGRESS_SECONDS, random: Math.random };
    const result = await storm({ ...given, schedule: realTime() });
    const ours = versionsOfBridge(sandbox);
    return {
      figures: `${result.edits.length} edits of people, ${ours} versions of the bridge (at most ${result.mostVersions})`,
      faults: damageOf(sandbox, result),
    };
  } finally {
    await sandbox.close();
    database.close();
  }
}
