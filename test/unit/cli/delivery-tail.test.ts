import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DeliveryTail, LOOKBACK_MS } from "../../../shared/cli/delivery-tail.ts";
import type { ListedDelivery } from "../../../shared/cli/responses.ts";
import { Fault } from "../../../shared/host/fault.ts";
import { propertyCases } from "../../support/property-cases.ts";

const START = Date.UTC(2026, 10, 29, 2);
const principal = { issuer: "i", subject: "s", method: "m", credential: "c", roles: [] };
type Query = Readonly<Record<string, string>>;

/** The list of a bridge whose deliveries are committed one after another. */
class Log {
  readonly committed: ListedDelivery[] = [];
  /** How many further requests are answered before one fails. */
  answers = Number.POSITIVE_INFINITY;
  /** What is committed between two requests. */
  meanwhile: (() => void)[] = [];

  commit(receivedMs: number, source: string): void {
    const id = `d-${String(this.committed.length).padStart(4, "0")}`;
    const receivedAt = new Date(receivedMs).toISOString();
    this.committed.push({ id, receivedAt, source, outcome: "event", what: "code.pushed", principal });
  }

  readonly list = async ({ limit = "50", since = "", source, cursor }: Query) => {
    this.meanwhile.shift()?.();
    if (this.answers === 0) throw new Fault("target_unreachable", "no bridge answers", { retryable: true });
    this.answers -= 1;
    const order = (one: ListedDelivery): string => `${one.receivedAt} ${one.id}`;
    const all = this.committed
      .filter((one) => one.receivedAt >= since && (cursor === undefined || order(one) < cursor))
      .filter((one) => source === undefined || one.source === source)
      .toSorted((a, b) => (order(a) > order(b) ? -1 : 1));
    // Small pages, so that a read has several.
    const deliveries = all.slice(0, Math.min(Number(limit), 3));
    const last = deliveries.at(-1);
    return { deliveries, ...(last && all.length > deliveries.length && { next: order(last) }) };
  };
}

const source = fc.constantFrom("wiki", "gitlab");
const commit = fc.record({
  kind: fc.constant("commit" as const),
  afterMs: fc.constantFrom(0, 1, 500, 20_000, 90_000),
  // How much later than its receipt it is committed.
  lagMs: fc.constantFrom(0, 0, 1, 700, LOOKBACK_MS),
  source,
});
const step = fc.oneof(
  { arbitrary: commit, weight: 4 },
  {
    arbitrary: fc.record({ kind: fc.constant("read" as const), meanwhile: fc.array(commit, { maxLength: 4 }) }),
    weight: 2,
  },
  fc.record({ kind: fc.constant("failed read" as const), answers: fc.integer({ min: 0, max: 4 }) }),
);

describe("the tail of the deliveries", () => {
  it("each delivery is read once and in order, whatever is committed late and however often the bridge is away", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(commit, { maxLength: 12 }),
        fc.array(step, { maxLength: 25 }),
        fc.option(source, { nil: undefined }),
        async (before, steps, filter) => {
          const log = new Log();
          let nowMs = START;
          const apply = ({ afterMs, lagMs, source }: (typeof before)[number]): void => {
            nowMs += afterMs;
            log.commit(nowMs - lagMs, source);
          };
          for (const one of before) apply(one);
          const filters: Query = filter === undefined ? {} : { source: filter };
          const tail = new DeliveryTail({ list: log.list, filters, since: undefined, last: 3 });
          const isWanted = (one: ListedDelivery): boolean => filter === undefined || one.source === filter;
          const printed = (await tail.read()).map(({ id }) => id);
          const newest = (await log.list({ ...filters, limit: "3" })).deliveries.map(({ id }) => id).toSorted();
          expect(printed.toSorted()).toEqual(newest);
          const known = log.committed.length;
          for (const one of [...steps, { kind: "read", meanwhile: [] } as const]) {
            if (one.kind === "commit") {
              apply(one);
              continue;
            }
            if (one.kind === "failed read") {
              log.answers = one.answers;
              // A read with few pages ends before.
              printed.push(...(await tail.read().catch(() => [])).map(({ id }) => id));
              log.answers = Number.POSITIVE_INFINITY;
              continue;
            }
            log.meanwhile = one.meanwhile.map((commit) => () => apply(commit));
            const read = await tail.read();
            expect(read).toEqual(read.toSorted((a, b) => (a.receivedAt < b.receivedAt ? -1 : 1)));
            printed.push(...read.map(({ id }) => id));
            for (const left of log.meanwhile.splice(0)) left();
          }
          printed.push(...(await tail.read()).map(({ id }) => id));
          const later = log.committed.slice(known).filter(isWanted);
          expect(printed.toSorted()).toEqual([...newest, ...later.map(({ id }) => id)].toSorted());
        },
      ),
      propertyCases("tail"),
    );
  });

  it("with a beginning, everything since then is read", async () => {
    const log = new Log();
    for (let second = 0; second < 10; second += 1) log.commit(START + second * 1_000, "wiki");
    const since = new Date(START + 4_000).toISOString();
    const tail = new DeliveryTail({ list: log.list, filters: {}, since, last: 2 });
    expect((await tail.read()).map(({ id }) => id)).toEqual(log.committed.slice(4).map(({ id }) => id));
    expect(await tail.read()).toEqual([]);
  });

  it("with states, a delivery is read each time that it comes into one, however long ago it was received", async () => {
    const log = new Log();
    const states = new Map<string, number>();
    const list = async (query: Query) => {
      if (query["state"] === undefined) return log.list(query);
      const deliveries = log.committed.flatMap((one) => {
        const since = states.get(one.id);
        const isShown = since !== undefined && since >= Date.parse(query["since"] ?? "1970-01-01");
        return isShown ? [{ ...one, state: "given_up", stateSince: new Date(since).toISOString() }] : [];
      });
      return { deliveries };
    };
    for (let hour = 0; hour < 5; hour += 1) log.commit(START + hour * 3_600_000, "wiki");
    const [old = "", other = ""] = log.committed.map(({ id }) => id);
    const newestMs = START + 4 * 3_600_000;
    states.set(old, newestMs - 1_000);
    const tail = new DeliveryTail({ list, filters: { state: "given_up" }, since: undefined, last: 3 });
    const read = async () => (await tail.read()).map(({ id }) => id);
    expect(await read()).toEqual([old]);
    expect(await read()).toEqual([]);
    states.set(other, newestMs + 1_000);
    expect(await read()).toEqual([other]);
    expect(await read()).toEqual([]);
    states.delete(old);
    log.commit(newestMs + 120_000, "wiki");
    expect(await read()).toEqual([]);
    states.set(old, newestMs + 121_000);
    expect(await read()).toEqual([old]);
    expect(await read()).toEqual([]);
  });
});
