import { isDeepStrictEqual } from "node:util";
import type { EpochMillis } from "../../shared/host/clock.ts";
import { TABLE } from "../../shared/store/key-schema.ts";
import type { SqliteTable } from "../../shared/store/sqlite/table.ts";
import type {
  Condition,
  Fields,
  Item,
  ItemChange,
  ItemKey,
  Selection,
  Table,
  TableIndex,
} from "../../shared/store/table.ts";

/** The content of the table by {@link nameOf} of its keys. */
export type Items = ReadonlyMap<string, Item>;

export const nameOf = ({ pk, sk }: ItemKey): string => JSON.stringify([pk, sk]);

interface Operation {
  readonly what: string;
  readonly apply: (items: Map<string, Item>) => unknown;
  /** The expected answer; undefined until the group of the operation is committed. */
  expected?: { readonly answer: unknown };
}

/**
 * The expected content of a table. It executes each operation itself, by the rules of the port, when the database commits:
 * it shares no code with the adapter.
 */
export class TableModel {
  readonly violations: string[] = [];
  #committed = new Map<string, Item>();
  #waiting: Operation[] = [];

  constructor(items: Items = new Map()) {
    this.#committed = new Map(items);
  }

  /** What is committed now. */
  get items(): Items {
    return new Map(this.#committed);
  }

  /** The database has committed every operation that waited. */
  committed(): void {
    for (const operation of this.#waiting) operation.expected = { answer: operation.apply(this.#committed) };
    this.#waiting = [];
  }

  /** Runs the operation on the real table and checks its answer. */
  async check<T>(what: string, apply: Operation["apply"], call: () => Promise<T>): Promise<T> {
    const operation: Operation = { what, apply };
    this.#waiting.push(operation);
    const answer = await call();
    const { expected } = operation;
    if (expected === undefined) this.violations.push(`${what} was answered before its commit`);
    else if (!isDeepStrictEqual(answer, expected.answer)) {
      this.violations.push(`${what} was answered ${JSON.stringify(answer)}, not ${JSON.stringify(expected.answer)}`);
    }
    return answer;
  }
}

/** The table, with its model beside it. */
export class CheckedTable implements Table {
  readonly #table: SqliteTable;
  readonly #model: TableModel;

  constructor(table: SqliteTable, model: TableModel) {
    this.#table = table;
    this.#model = model;
  }

  create(item: Fields & ItemKey): Promise<boolean> {
    const apply = (items: Map<string, Item>): boolean => {
      if (items.has(nameOf(item))) return false;
      items.set(nameOf(item), withoutUndefined(item));
      return true;
    };
    return this.#model.check(`create ${nameOf(item)}`, apply, () => this.#table.create(item));
  }

  put(item: Fields & ItemKey): Promise<void> {
    const apply = (items: Map<string, Item>): void => void items.set(nameOf(item), withoutUndefined(item));
    return this.#model.check(`put ${nameOf(item)}`, apply, () => this.#table.put(item));
  }

  change(key: ItemKey, change: ItemChange): Promise<Item | undefined> {
    const apply = (items: Map<string, Item>): Item | undefined => {
      const before = items.get(nameOf(key)) ?? {};
      if (!holds(change.condition, before)) return undefined;
      items.set(nameOf(key), { ...changed(before, change), ...key });
      return before;
    };
    return this.#model.check(`change ${nameOf(key)}`, apply, () => this.#table.change(key, change));
  }

  get(key: ItemKey): Promise<Item | undefined> {
    return this.#table.get(key);
  }

  select(selection: Selection): AsyncGenerator<Item> {
    return this.#table.select(selection);
  }

  deleteExpired(now: EpochMillis): Promise<number> {
    const apply = (items: Map<string, Item>): number => {
      const waits = (queue: Item[string] | undefined) => queue !== undefined && queue !== "approvals";
      const expired = [...items].filter(
        ([, { expiresAt, queue }]) => Number(expiresAt) < Math.floor(now / 1_000) && !waits(queue),
      );
      for (const [name] of expired) items.delete(name);
      return expired.length;
    };
    return this.#model.check("delete expired items", apply, () => this.#table.deleteExpired(now, 1_000_000));
  }
}

function changed(before: Item, { set = {}, add = {}, remove = [] }: ItemChange): Item {
  const sums = Object.entries(add).map(([field, value]) => [field, Number(before[field] ?? 0) + value]);
  const after: Item = { ...before, ...withoutUndefined(set), ...Object.fromEntries(sums) };
  return Object.fromEntries(Object.entries(after).filter(([field]) => !remove.includes(field)));
}

function holds(condition: Condition, item: Item): boolean {
  if ("all" in condition) return !condition.all.some((one) => !holds(one, item));
  if ("any" in condition) return condition.any.some((one) => holds(one, item));
  const value = item[condition.field];
  if (condition.is === "in") return condition.values.some((one) => one === value);
  if (!("value" in condition)) return (value !== undefined) === (condition.is === "present");
  if (condition.is === "<>") return value !== condition.value;
  if (typeof value !== typeof condition.value || value === undefined) return false;
  // The histories have only ASCII texts, whose order is the same in UTF-8 and UTF-16.
  const [one, other] = [value as string | number, condition.value];
  const relations = { "=": one === other, "<": one < other, "<=": one <= other, ">": one > other };
  return relations[condition.is];
}

const withoutUndefined = (fields: Fields): Item =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([field, value]) => {
      if (value === undefined) return [];
      // The database returns plain bytes, and not the Node class of them.
      return [[field, value instanceof Uint8Array ? new Uint8Array(value) : value] as const];
    }),
  );

/** What an index must list: partition, sort key and name of every item that has both keys, in order. */
export function listedIn(items: Items, { partitionKey, sortKey }: IndexKeys): readonly string[] {
  return [...items]
    .flatMap(([name, item]) =>
      item[partitionKey] === undefined ? [] : [JSON.stringify([item[partitionKey], item[sortKey], name])],
    )
    .sort();
}

export interface IndexKeys {
  readonly name: TableIndex;
  readonly partitionKey: string;
  readonly sortKey: string;
}

export const INDEXES: readonly IndexKeys[] = [TABLE.dueIndex, TABLE.stateIndex];
