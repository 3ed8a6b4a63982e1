import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { relayBus } from "../../functions/relay-bus.ts";
import { compileConfig } from "../../infra/compile-config.ts";
import type { Bus } from "../../shared/bus/bus.ts";
import { busEventOf } from "../../shared/model/bus-event.ts";
import { startEmbeddedDynamoDb } from "../../shared/store/dynamodb/embedded.ts";
import { openStores } from "../../shared/store/dynamodb/open-stores.ts";
import { bridgeWith } from "../support/bridge-parts.ts";
import { sampleDelivery } from "../support/samples.ts";
import { testClock } from "../support/test-doubles.ts";
import { EVERYTHING, type Synthesised, synthesise } from "./synthesised.ts";

/** The same installation with people, and a status route that takes this too. */
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

describe("what publishes", () => {
  it("may read and write what labels decide where people are configured, and nowhere else", async () => {
    const [plain, heeding] = [await synthesise({}, await compileConfig(EVERYTHING)), await withPeople()];
    expect(rights(plain, "RelayRole")).toEqual({ table: ["dynamodb:GetItem", "dynamodb:UpdateItem"], due: undefined });
    const all = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"];
    expect(rights(heeding, "RelayRole")).toEqual({ table: all, due: ["dynamodb:Query"] });
    expect(rights(heeding, "SweepRole")).toEqual({ table: all, due: ["dynamodb:Query"] });
    expect(rights(plain, "SweepRole").table).not.toContain("dynamodb:PutItem");
  });

  it("may look up whose account made an edit, also where no runs are reported", async () => {
    const without = await changed((text) => text.replace(/ {2}docs-build:\n[\s\S]+(?= {2}docs-status:)/, ""));
    expect(rights(without, "RelayRole")).toEqual({
      table: ["dynamodb:GetItem", "dynamodb:UpdateItem"],
      due: undefined,
    });
  });
});

describe("a label that commands something, where nobody may", () => {
  it.each(["RelayRole", "SweepRole"])(
    "is published by what has the %s, which has no right to look for what it means",
    async (role) => {
      const compiled = await compileConfig(EVERYTHING);
      const { table = [] } = rights(await synthesise({}, compiled), role);
      const database = await startEmbeddedDynamoDb({ table: "drawbridge" });
      try {
        const clock = testClock();
        const stores = openStores(database.client, "drawbridge", { retentionDays: 30, markUnrelayed: false, clock });
        const { event, ...rest } = sampleDelivery();
        const delivery = { ...rest, event: { ...event, type: "page.labeled", label: "drawbridge-approve" } as const };
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

describe("what acts on comments", () => {
  it("may look for open approvals, where a status route takes comments and there are people, and nothing else may", async () => {
    const [deaf, commanded] = [await withPeople(), await withPeople("page.commented")];
    expect(rights(deaf, "ActconfluenceRole").due).toBeUndefined();
    expect(rights(commanded, "ActconfluenceRole").due).toEqual(["dynamodb:Query"]);
    for (const kind of ["tekton", "gitlab", "buildkite"]) {
      expect(rights(commanded, `Act${kind}Role`).due, kind).toBeUndefined();
    }
  });
});
