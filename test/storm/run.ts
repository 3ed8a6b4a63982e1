import { setTimeout as sleep } from "node:timers/promises";
import { systemClock as clock } from "../../shared/host/clock.ts";
import { openStores } from "../../shared/store/open-stores.ts";
import { openMemoryTable } from "../../shared/store/sqlite/open.ts";
import { startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { benchFor } from "../support/sandbox-confluence-action.ts";
import { damageOf, type Schedule, storm, type Task, versionsOfBridge } from "../support/storm.ts";

// The AWS client warns at every start that it will need a newer Node; package.json says which one is needed.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";

/**
 * `npm run storm`: ten pipelines and ten people write one page for a real minute, with the default throttle and a real
 * table. Exits with 1 if an edit is lost, a state is wrong, or the bridge wrote more versions than it may.
 */
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

const database = openMemoryTable();
const sandbox = await startSandboxConfluence({ product: "cloud" });
try {
  const { boards } = openStores(database.table, { retentionDays: 1, markUnrelayed: true, singleProcess: false, clock });
  const target = { progressSeconds: PROGRESS_SECONDS };
  const bench = benchFor(sandbox, "cloud", { clock, boards, random: Math.random, target });
  const given = { sandbox, bench, seconds: SECONDS, progressSeconds: PROGRESS_SECONDS, random: Math.random };
  const result = await storm({ ...given, schedule: realTime() });
  const damage = damageOf(sandbox, result);
  const ours = versionsOfBridge(sandbox);
  process.stdout.write(
    `${result.edits.length} edits of people, ${ours} versions of the bridge (at most ${result.mostVersions})\n`,
  );
  for (const line of damage) process.stdout.write(`wrong: ${line}\n`);
  process.exitCode = damage.length === 0 ? 0 : 1;
} finally {
  await sandbox.close();
  database.close();
}
