import type { EpochMillis } from "../../shared/host/clock.ts";
import { type BoardRun, isShown, rowOf, withBuild } from "../../shared/model/board-runs.ts";
import type { BoardStore, PageRecord } from "../../shared/store/boards.ts";

interface Page {
  readonly rows: Map<string, readonly BoardRun[]>;
  record: PageRecord;
  owner: number;
  leasedUntil: EpochMillis | undefined;
}

/** Boards in memory for one process. Each operation is atomic, because nothing is awaited between read and write. */
export function memoryBoards(): BoardStore {
  const pages = new Map<string, Page>();
  const pageOf = ({ site, id }: { readonly site: string; readonly id: string }): Page => {
    const key = `${site} ${id}`;
    const page = pages.get(key) ?? { rows: new Map(), record: {}, owner: 0, leasedUntil: undefined };
    pages.set(key, page);
    return page;
  };
  return {
    advance: async (address, { key, ...reported }) => {
      const { rows } = pageOf(address);
      const runs = withBuild(rows.get(key) ?? [], reported);
      rows.set(key, runs);
      return isShown(reported, runs);
    },
    read: async (address) => {
      const { rows, record } = pageOf(address);
      const sorted = [...rows].sort(([one], [other]) => (one < other ? -1 : 1));
      return { rows: sorted.flatMap(([key, runs]) => rowOf(key, runs) ?? []), record };
    },
    lease: async (address, now, until) => {
      const page = pageOf(address);
      if (page.leasedUntil !== undefined && page.leasedUntil > now) return undefined;
      page.leasedUntil = until;
      page.owner += 1;
      return { owner: page.owner, record: page.record };
    },
    release: async (address, { owner }, record) => {
      const page = pageOf(address);
      if (page.owner !== owner || page.leasedUntil === undefined) return false;
      Object.assign(page, { record, leasedUntil: undefined });
      return true;
    },
  };
}

/** Boards whose lease is always granted: a page must stay correct without the lease. */
export const withoutLeases = (boards: BoardStore): BoardStore => ({
  ...boards,
  lease: async () => ({ owner: 1, record: {} }),
  release: async () => true,
});
