import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { relayBus } from "../../functions/relay-bus.ts";
import { compileConfig } from "../../infra/compile-config.ts";
import type { Bus } from "../../shared/bus/bus.ts";
import { DynamoDbTable } from "../../shared/store/dynamodb/table.ts";
import { openAllStores } from "../support/all-stores.ts";
import { bridgeWith } from "../support/bridge-parts.ts";
import { startEmbeddedDynamoDb } from "../support/embedded-dynamodb.ts";
import { busEventOf, sampleDelivery } from "../support/samples.ts";
import { testClock } from "../support/test-doubles.ts";
import { EVERYTHING, type Synthesised, synthesise } from "./synthesised.ts";

/** The same installation with people, and a status route that also matches `taken`. */
const withPeople = (taken?: string) =>
  changed((text) => {
    const person = `$&    people: { "max": { roles: [on-call] } }\n`;
    const status = taken ? text.replace(/(docs-status:\n.+)\] \}/, `$1, ${taken}] }`) : text;
    return status.replace("    provider: buildkite\n", person);
  });

async function changed(edit: (text: string) => string) {
  const folder = await mkdtemp(join(tmpdir(), "drawbridge-people-"));
  try {
    const path = join(folder, "drawbridge.yaml");
    await writeFile(path, edit(await readFile(EVERYTHING, "utf8")));
    return await synthesise({}, await compileConfig(path));
  } finally {
    await rm(folder, { recursive: true });
  }
}

const rights = ({ permissions }: Synthesised, role: string) => {
  const { DeliveriesTable, "DeliveriesTable/index/due": due } = permissions(role);
  return { table: DeliveriesTable, due };
};

describe("the functions that publish", () => {
  it("the relay and the sweep may look up approvals only if people are configured, and change timelines if a route starts runs", async () => {
    const [plain, withCommands] = [await synthesise({}, await compileConfig(EVERYTHING)), await withPeople()];
    // A route starts runs, whose reports are recorded in timelines.
    const all = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"];
    expect(rights(plain, "RelayRole")).toEqual({ table: all, due: undefined });
    expect(rights(withCommands, "RelayRole")).toEqual({ table: all, due: ["dynamodb:Query"] });
    // After an outage the sweep searches the table for deliveries that the stream lost.
    const searching = [...all.slice(0, 3), "dynamodb:Scan", "dynamodb:UpdateItem"];
    expect(rights(withCommands, "SweepRole")).toEqual({ table: searching, due: ["dynamodb:Query"] });
    expect(rights(plain, "SweepRole").table).toEqual(searching);
  });

  it("the relay may look up whose account made an edit even if no runs are reported", async () => {
    const without = await changed((text) => text.replace(/ {2}docs-build:\n[\s\S]+(?= {2}docs-status:)/, ""));
    expect(rights(without, "RelayRole")).toEqual({
      // It puts the pages of the list, and reads those of a slot that is over for its index.
      table: ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
      due: undefined,
    });
  });
});

describe("a label with a command in an installation without people", () => {
  it.each(["RelayRole", "SweepRole"])(
    "the label's event is published with %s, which may not look up approvals",
    async (role) => {
      const compiled = await compileConfig(EVERYTHING);
      const { table = [] } = rights(await synthesise({}, compiled), role);
      const database = await startEmbeddedDynamoDb({ table: "drawbridge" });
      try {
        const clock = testClock();
        const stores = openAllStores(new DynamoDbTable(database.client, "drawbridge"), {
          retentionDays: 30,
          markUnrelayed: false,
          singleProcess: false,
          clock,
        });
        const {
          events: [event],
          ...rest
        } = sampleDelivery();
        const delivery = {
          ...rest,
          events: [{ ...event, type: "page.labeled", label: "drawbridge-approve" }] as const,
        };
        await stores.deliveries.record(delivery);
        database.client.middlewareStack.add((next, { commandName = "" }) => async (call) => {
          if (table.includes(`dynamodb:${commandName.replace(/Command$/, "")}`) && !("IndexName" in call.input)) {
            return next(call);
          }
          throw new Error(`it may do no ${commandName}`);
        });
        const bridge = bridgeWith([], { stores, clock, config: compiled.config });
        const bus: Bus = { publish: async (busEvents) => busEvents.map(() => ({ published: true })) };
        const labeled = busEventOf(delivery);
        expect(await relayBus(bridge, bus).publish(labeled ? [labeled] : [])).toEqual([{ published: true }]);
      } finally {
        await database.stop();
      }
    },
  );
});

describe("the functions that act on comments", () => {
  it("only the Confluence function may look up open approvals, if a status route matches comments and people are configured", async () => {
    const [withoutComments, commanded] = [await withPeople(), await withPeople("page.commented")];
    expect(rights(withoutComments, "ActconfluenceRole").due).toBeUndefined();
    expect(rights(commanded, "ActconfluenceRole").due).toEqual(["dynamodb:Query"]);
    for (const kind of ["tekton", "gitlab", "buildkite"]) {
      expect(rights(commanded, `Act${kind}Role`).due, kind).toBeUndefined();
    }
  });
});
