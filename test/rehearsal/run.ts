import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROJECT_ROOT } from "../../infra/bundling.ts";
import { compileConfig } from "../../infra/compile-config.ts";
import { table } from "../../shared/cli/terminal-text.ts";
import { Account } from "./account.ts";
import { adapt } from "./adapt.ts";
import { buildConfig } from "./assembly.ts";
import { cross, type Seen } from "./crossing.ts";
import { type Deployed, deploy, storeSecrets } from "./deploy.ts";
import { startEmulator } from "./emulator.ts";
import type { FunctionProcess } from "./function-process.ts";
import { EventSources, startFunctions } from "./functions.ts";
import { readMetrics } from "./metrics.ts";
import { installEmulator, NotHere } from "./python.ts";
import { NOT_SHOWN, readBus, readFunctions, readQueues, readRules, readTable } from "./read-back.ts";
import { startSurroundings } from "./surroundings.ts";
import { Witness } from "./witness.ts";

// The AWS client warns at every start that it will need a newer Node; package.json says which one is needed.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";

const CACHE = join(PROJECT_ROOT, "node_modules/.cache/rehearsal");
/** No step may hang a build. The installation has its own, shorter limit. */
const LIMIT_MS = 230_000;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const cleanups: (() => Promise<unknown>)[] = [];

/** `npm run rehearse`: the synthesised stack on an emulator, and its packaged functions from webhook to page. */
async function rehearse(): Promise<readonly Seen[]> {
  say("installing the emulator, unless it is there …");
  const programs = await installEmulator(CACHE);
  const folder = await mkdtemp(join(tmpdir(), "drawbridge-rehearsal-"));
  say(`logs and packages, kept if it fails: ${folder}`);
  say("reading the metrics of a bridge on this machine …");
  const metrics = await readMetrics(programs, folder);
  const emulator = await startEmulator(programs, join(folder, "moto.log"));
  cleanups.push(emulator.stop);
  say(`moto listens at ${emulator.url}`);
  const surroundings = await startSurroundings();
  cleanups.push(surroundings.close);
  const configPath = await surroundings.writeConfig(folder);
  const { config } = await compileConfig(configPath);

  const account = new Account(emulator.url);
  await storeSecrets(account, surroundings.secrets);
  const { assembly, stack } = await createStack(account, { configPath, programs, folder });
  const { tableName, streamArn, bus, deployed, seen: asExpected } = await readBack(account, stack);

  say("starting the packaged functions; table, stream, bus and queues are moto's, API Gateway and Lambda are played …");
  const functions = startFunctions(deployed, { account, assembly, folder });
  for (const one of functions.values()) cleanups.push(() => one.stop());
  const sources = new EventSources(functions, { account, assembly, stack, streamArn });
  const witness = await Witness.place(account, bus);
  const receive = named("Receive", deployed, functions);
  say("sending one fixture of each provider …");
  const seen = await cross({ account, stack, config, tableName, receive, sources, witness, surroundings });
  // The schedule does this every minute. Nothing is left to publish.
  await named("Sweep", deployed, functions).call({});
  const all = Object.keys(assembly.template.Resources).length;
  const calls = deployed.map(({ name, logicalId }) => `${name} ${functions.get(logicalId)?.calls ?? 0}`);
  cleanups.unshift(() => rm(folder, { recursive: true }));
  return [
    ["stack: created", `${stack.physicalIds.size} of ${all} resources`],
    ["stack: is as the template says", asExpected],
    ...seen,
    ["functions: calls", calls.join(", ")],
    ["metrics: read by prometheus-client", metrics],
  ];
}

async function createStack(
  account: Account,
  { configPath, programs, folder }: { readonly configPath: string; readonly programs: string; readonly folder: string },
) {
  say("synthesising the stack …");
  const assembly = await buildConfig(configPath, join(folder, "cdk.out"));
  const { template, changes } = adapt(assembly.template);
  for (const change of changes) say(`  ${change}`);
  say("creating the stack …");
  return { assembly, stack: await deploy(account, { assembly, template, programs, folder }) };
}

async function readBack(account: Account, stack: Deployed) {
  say(`reading it back; not to be seen: ${NOT_SHOWN}`);
  const { name: tableName, streamArn } = await readTable(account, stack);
  const bus = await readBus(account, stack);
  const rules = await readRules(account, stack, bus);
  const queues = await readQueues(account, stack);
  const deployed = await readFunctions(account, stack);
  const seen = `table, bus, ${rules} rules, ${queues} queues, ${deployed.length} functions`;
  return { tableName, streamArn, bus, deployed, seen };
}

function named(
  name: string,
  deployed: readonly { readonly name: string; readonly logicalId: string }[],
  functions: ReadonlyMap<string, FunctionProcess>,
): FunctionProcess {
  const id = deployed.find((one) => one.name === name)?.logicalId ?? "";
  const found = functions.get(id);
  if (found) return found;
  throw new Error(`the stack has no function ${name}`);
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took more than ${LIMIT_MS / 1_000} s`)), LIMIT_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

try {
  const seen = await inTime(rehearse());
  say(`\n${table(["what", "seen"], seen)}`);
} catch (error) {
  if (error instanceof NotHere) say(`rehearsal left out: ${error.message}`);
  else {
    say(`rehearsal failed: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
} finally {
  for (const clean of cleanups.reverse()) await clean();
}
// Late work must not keep the process alive.
process.exit();
