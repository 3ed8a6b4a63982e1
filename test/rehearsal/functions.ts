import { openSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import type { Account } from "./account.ts";
import { referencesIn } from "./adapt.ts";
import type { BuiltConfig } from "./assembly.ts";
import type { Deployed } from "./deploy.ts";
import { FunctionProcess } from "./function-process.ts";
import { filterOf, handMessages, handRecords, StreamReader } from "./lambda-service.ts";
import { type DeployedFunction, physicalId, resourcesOf } from "./read-back.ts";

/** Starts every function of the stack from its package, each with its own log. */
export function startFunctions(
  functions: readonly DeployedFunction[],
  { account, assembly, folder }: { readonly account: Account; readonly assembly: BuiltConfig; readonly folder: string },
): ReadonlyMap<string, FunctionProcess> {
  return new Map(
    functions.map(({ name, logicalId, environment, packageKey }) => {
      const env = {
        ...account.environment,
        ...atEmulator(environment, account),
        AWS_LAMBDA_FUNCTION_NAME: name,
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
      };
      const log = openSync(join(folder, `${name}.log`), "w");
      const index = join(assembly.assetFolder(packageKey), "index.mjs");
      return [logicalId, new FunctionProcess(name, index, { env, log })];
    }),
  );
}

/** moto returns the address that a queue has in AWS. The clients need its address in the emulator. */
const atEmulator = (environment: DeployedFunction["environment"], account: Account): Record<string, string> =>
  Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, account.queueAt(value)]));

const mapping = v.object({
  FunctionName: v.object({ Ref: v.string() }),
  BatchSize: v.number(),
  EventSourceArn: v.unknown(),
});

/** The work of Lambda between the table, the queues and the functions, by the stack's own event source mappings. */
export class EventSources {
  /** Each passes on what is pending at one source, and returns the number of items. */
  readonly #sources: readonly (() => Promise<number>)[];

  constructor(
    functions: ReadonlyMap<string, FunctionProcess>,
    {
      account,
      assembly,
      stack,
      streamArn,
    }: {
      readonly account: Account;
      readonly assembly: BuiltConfig;
      readonly stack: Deployed;
      readonly streamArn: string;
    },
  ) {
    this.#sources = resourcesOf(assembly, "AWS::Lambda::EventSourceMapping").map(([id, properties]) => {
      const { FunctionName, BatchSize, EventSourceArn } = v.parse(mapping, properties);
      const run = functions.get(FunctionName.Ref);
      const [source = ""] = referencesIn(EventSourceArn);
      if (run === undefined) throw new Error(`${id} names a function that was not created`);
      if (assembly.template.Resources[source]?.Type === "AWS::SQS::Queue") {
        const queue = { queueUrl: account.queueAt(physicalId(stack, source)), batchSize: BatchSize, run };
        return () => handMessages(account, queue);
      }
      const stream = new StreamReader(account, streamArn);
      const passes = filterOf(properties);
      return async () => {
        const batch = (await stream.next()).filter(passes);
        await handRecords(run, batch);
        return batch.length;
      };
    });
  }

  /** Returns the number of records and messages that were passed on. */
  async turn(): Promise<number> {
    let handed = 0;
    for (const source of this.#sources) handed += await source();
    return handed;
  }
}
