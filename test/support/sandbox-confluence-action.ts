import type { ActionOutcome } from "../../shared/actions/action.ts";
import { confluence } from "../../shared/actions/confluence/index.ts";
import type { BusEntry } from "../../shared/bus/entry.ts";
import { buildOrder } from "../../shared/delivery/build-order.ts";
import type { BuildPart } from "../../shared/delivery/event.ts";
import { callOut } from "../../shared/host/call-out.ts";
import type { BoardRow, BoardStore } from "../../shared/store/boards.ts";
import type { SandboxConfluence } from "./sandbox-confluence.ts";
import { secretsOf, testClock } from "./tools.ts";

/** Boards for one process, atomic because nothing is awaited between looking and taking. */
export function memoryBoards(): BoardStore {
  const boards = new Map<string, Map<string, BoardRow>>();
  const boardOf = (site: string, id: string): Map<string, BoardRow> => {
    const key = `${site} ${id}`;
    const board = boards.get(key) ?? new Map<string, BoardRow>();
    boards.set(key, board);
    return board;
  };
  return {
    advance: async ({ site, id }, row) => {
      const board = boardOf(site, id);
      const held = board.get(row.pipeline);
      if (held && buildOrder(row.build) < buildOrder(held.build)) return false;
      board.set(row.pipeline, row);
      return true;
    },
    rows: async ({ site, id }) =>
      [...boardOf(site, id).values()].sort((one, other) => (one.pipeline < other.pipeline ? -1 : 1)),
  };
}

export interface Bench {
  readonly boards: BoardStore;
  run(entry: BusEntry, changes?: { readonly origin?: BusEntry; readonly signal?: AbortSignal }): Promise<ActionOutcome>;
}

export interface BenchOptions {
  readonly options?: object;
  readonly target?: object;
  readonly boards?: BoardStore;
  readonly random?: () => number;
}

/** The action, connected to the sandbox as the given product; by default it writes page 98310. */
export function benchFor(
  sandbox: SandboxConfluence,
  product: "cloud" | "data-center",
  changes: BenchOptions = {},
): Bench {
  const { user, token, bearer } = sandbox.credentials;
  const boards = changes.boards ?? memoryBoards();
  const basic = { basic: { user, token: "env:TOKEN" } };
  const action = confluence.connect(
    {
      route: "status",
      targetName: "wiki",
      target: {
        product,
        site: sandbox.site(product),
        credential: product === "cloud" ? basic : { bearer: "env:BEARER" },
        ...changes.target,
      },
      options: { page: "98310", ...changes.options },
    },
    {
      secrets: secretsOf({ TOKEN: token, BEARER: bearer }),
      clock: testClock(),
      callOut,
      boards,
      origins: { remember: async () => undefined, find: async () => undefined },
      random: changes.random ?? (() => 0),
    },
  );
  return {
    boards,
    run: (entry, { origin = entry, signal = new AbortController().signal } = {}) =>
      action.run({ entry, origin, attempt: 1, signal }),
  };
}

export function buildOf(changes: Partial<BuildPart> = {}): BuildPart {
  const { number = 512, state = "succeeded" } = changes;
  const hasEnded = !["queued", "running", "waiting"].includes(state);
  return {
    system: "tekton",
    id: `run-${number}`,
    number,
    pipeline: "ci/docs",
    state,
    url: `https://ci.example.test/runs/${number}`,
    commit: "6c1f0de2a94b7358c0d1e2f3a4b5c6d7e8f90123",
    createdAt: "2026-11-02T08:59:00.000Z",
    startedAt: "2026-11-02T08:59:10.000Z",
    ...(hasEnded && { finishedAt: "2026-11-02T09:01:15.000Z" }),
    ...changes,
  };
}

/** A build's event as published. The delivery is named after what it tells. */
export function buildEntry(changes: Partial<BuildPart> = {}): BusEntry {
  const build = buildOf(changes);
  const id = `d-${build.pipeline.replace(/\W/g, "-")}-${build.number}-${build.state}`;
  return entryOf(id, { type: `build.${build.state}`, time: "2026-11-02T09:01:15.000Z", subject: build.id, build });
}

type Detail = BusEntry["detail"];
type Told<T> = T extends unknown ? Omit<T, "id" | "source" | "delivery" | "eventKey" | "principal"> : never;

export function entryOf(delivery: string, told: Told<Detail>): BusEntry {
  return {
    source: "drawbridge.example",
    "detail-type": told.type,
    time: told.time,
    detail: {
      ...told,
      id: delivery,
      source: "/sources/example",
      delivery,
      eventKey: `e-${delivery}`,
      principal: { issuer: "https://issuer.example.test", subject: "ci", roles: [] },
    },
  };
}
