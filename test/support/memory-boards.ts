import { buildOrder, isTerminal } from "../../shared/delivery/build-order.ts";
import type { EpochMillis } from "../../shared/host/clock.ts";
import type { BoardRow, BoardStore, EndedRun, PageRecord } from "../../shared/store/boards.ts";

interface Page {
  readonly rows: Map<string, Omit<BoardRow, "ended"> & { ended?: EndedRun; endedOrder?: string }>;
  record: PageRecord;
  owner: number;
  leasedUntil: EpochMillis | undefined;
}

/** Boards for one process, atomic because nothing is awaited between looking and taking. */
export function memoryBoards(): BoardStore {
  const pages = new Map<string, Page>();
  const pageOf = ({ site, id }: { readonly site: string; readonly id: string }): Page => {
    const key = `${site} ${id}`;
    const page = pages.get(key) ?? { rows: new Map(), record: {}, owner: 0, leasedUntil: undefined };
    pages.set(key, page);
    return page;
  };
  return {
    advance: async (address, row) => {
      const { rows } = pageOf(address);
      const [held, order] = [rows.get(row.key), buildOrder(row.build)];
      const isAhead = !held || buildOrder(held.build) <= order;
      const isNewestEnd = isTerminal(row.build.state) && (held?.endedOrder ?? "") <= order;
      if (isAhead) rows.set(row.key, { ...held, ...row });
      const { state, number, url } = row.build;
      const ended = { state, ...(number !== undefined && { number }), ...(url !== undefined && { url }) };
      if (isNewestEnd) Object.assign(rows.get(row.key) ?? {}, { ended, endedOrder: order });
      return isAhead || isNewestEnd;
    },
    read: async (address) => {
      const { rows, record } = pageOf(address);
      const sorted = [...rows.values()].sort((one, other) => (one.key < other.key ? -1 : 1));
      return { rows: sorted.map(shownRow), record };
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

/** As if every attempt had the page to itself: what guards the page has to hold without the lease. */
export const withoutLeases = (boards: BoardStore): BoardStore => ({
  ...boards,
  lease: async () => ({ owner: 1, record: {} }),
  release: async () => true,
});

function shownRow({ key, build, delivery, ended }: BoardRow): BoardRow {
  return { key, build, ...(ended && !isTerminal(build.state) && { ended }), delivery };
}
