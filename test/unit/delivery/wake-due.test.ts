import { expect, it, vi } from "vitest";
import { wakeDue } from "../../../shared/delivery/wake-due.ts";
import { Fault } from "../../../shared/host/fault.ts";
import { ParkedActions } from "../../../shared/store/parked-actions.ts";
import type { Item, Table } from "../../../shared/store/table.ts";
import { silentLog, testClock } from "../../support/test-doubles.ts";

const DOWN = new Fault("store_unavailable", "down", { retryable: true });
const down = () => Promise.reject(DOWN);

/** Knows one target, if it can be read at all. */
const tableOf = (isDown: boolean): Table => ({
  create: down,
  put: down,
  change: down,
  get: down,
  async *select(): AsyncGenerator<Item> {
    if (isDown) throw DOWN;
    yield { pk: "waiting-targets", sk: "listener" };
  },
});

it.each([
  ["the targets", true, {}],
  ["the actions of a target", false, { target: "listener" }],
])("what waits stays for the next sweep if %s cannot be read, and this one goes on", async (_, isDown, fields) => {
  const error = vi.fn();
  const send = vi.fn();
  await wakeDue({
    actions: {
      async *dueBetween() {
        yield await down();
      },
      status: down,
    },
    parkedActions: new ParkedActions(tableOf(isDown)),
    accessTo: async () => "free",
    send,
    hasTime: () => true,
    clock: testClock(),
    log: { ...silentLog, error },
  });
  expect(error.mock.calls).toEqual([[{ ...fields, error: "store_unavailable" }, "waiting actions cannot be read"]]);
  expect(send).not.toHaveBeenCalled();
});
