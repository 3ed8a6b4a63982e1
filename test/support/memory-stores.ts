import { systemClock } from "../../shared/host/clock.ts";
import type { BoardStore } from "../../shared/store/boards.ts";
import type { ReplayCache } from "../../shared/store/replay-cache.ts";
import { openMemoryTable } from "../../shared/store/sqlite/open.ts";
import { type AllStores, openAllStores } from "./all-stores.ts";

/** All stores over one table in memory, as on one machine. */
export const memoryStores = (options: Partial<Parameters<typeof openAllStores>[1]> = {}): AllStores =>
  openAllStores(openMemoryTable().table, {
    retentionDays: 30,
    markUnrelayed: true,
    singleProcess: true,
    clock: systemClock,
    ...options,
  });

export const memoryBoards = (): BoardStore => memoryStores().boards;

export const memoryReplayCache = (): ReplayCache => memoryStores().replayCache;

/** A store with these methods alone. A call of another one is a TypeError. */
export const storeWith = <T extends object>(methods: Partial<T>): T => methods as T;

/** The store with some methods replaced; the others are its own. */
export function withMethods<T extends object>(store: T, methods: Partial<T>): T {
  return new Proxy(store, {
    get: (target, name) => {
      if (name in methods) return Reflect.get(methods, name);
      const own = Reflect.get(target, name);
      return typeof own === "function" ? own.bind(target) : own;
    },
  });
}

/** Boards whose lease is always granted: a page must stay correct without the lease. */
export const withoutLeases = (boards: BoardStore): BoardStore =>
  withMethods(boards, { lease: async () => ({ owner: 1, record: {} }), release: async () => true });
