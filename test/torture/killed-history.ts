import { writeSync } from "node:fs";
import { join } from "node:path";
import { DATABASE_FILE, openTable } from "../../shared/store/sqlite/open.ts";
import { silentLog } from "../support/test-doubles.ts";
import { CheckedTable, TableModel } from "./checked-table.ts";
import { finish, historyOf, run } from "./store-history.ts";
import { newWorld, StoreProcess } from "./store-process.ts";
import { checkpointAfter, watchDriver } from "./watched-driver.ts";

/**
 * Program: runs one history in a process that kills itself at one instant, or to its end if the number is 0. With a fourth
 * argument, it prints the calls of the database, for `traced-run.ts`. Arguments: folder, seed, number of the instant.
 */
const [folder = "", seed = "1", kill = "0", prints] = process.argv.slice(2);
const history = historyOf(Number(seed));
checkpointAfter(history.checkpointPages);
let instants = 0;
watchDriver(({ file, sql, when }) => {
  if (file !== join(folder, DATABASE_FILE)) return;
  if (prints !== undefined) writeSync(1, `${when} ${sql.trim().split(/\s+/)[0]}\n`);
  instants += 1;
  if (instants === Number(kill)) process.kill(process.pid, "SIGKILL");
});
const world = newWorld();
const { table, close } = openTable(folder, silentLog);
const running = new StoreProcess(new CheckedTable(table, new TableModel()), world, history.answersOf);
await run(history, running, world);
await finish(history, running, world);
close();
