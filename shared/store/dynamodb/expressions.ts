import { TABLE } from "../key-schema.ts";
import type { Condition, Fields, ItemChange, Selection, Value } from "../table.ts";
import { type StoredItem, toStored } from "./item.ts";

/** Collects the names and values of one command. A name or value that is used twice is bound once. */
class Bindings {
  readonly #names = new Map<string, string>();
  readonly #values = new Map<Value, string>();

  name(field: string): string {
    return placeholder(this.#names, field, "#n");
  }

  value(value: Value): string {
    return placeholder(this.#values, value, ":v");
  }

  get bound(): { ExpressionAttributeNames: Record<string, string>; ExpressionAttributeValues?: StoredItem } {
    const names = Object.fromEntries([...this.#names].map(([field, name]) => [name, field]));
    if (this.#values.size === 0) return { ExpressionAttributeNames: names };
    const values = toStored(Object.fromEntries([...this.#values].map(([value, name]) => [name, value])));
    return { ExpressionAttributeNames: names, ExpressionAttributeValues: values };
  }
}

function placeholder<K>(known: Map<K, string>, key: K, prefix: string): string {
  const name = known.get(key) ?? `${prefix}${known.size}`;
  known.set(key, name);
  return name;
}

/** The parameters of an `UpdateItemCommand` that make this change. */
export function updateOf({ condition, set = {}, add = {}, remove = [] }: ItemChange) {
  const bindings = new Bindings();
  const sets = definedIn(set).map(([field, value]) => `${bindings.name(field)} = ${bindings.value(value)}`);
  const adds = Object.entries(add).map(([field, value]) => `${bindings.name(field)} ${bindings.value(value)}`);
  const removes = remove.map((field) => bindings.name(field));
  return {
    UpdateExpression: [clause("SET", sets), clause("ADD", adds), clause("REMOVE", removes)].filter(Boolean).join(" "),
    ConditionExpression: conditionText(condition, bindings),
    ...bindings.bound,
  };
}

/** The parameters of a `QueryCommand` that read this selection. */
export function queryOf({ index, partition, from, to, newestFirst }: Selection) {
  const bindings = new Bindings();
  const { partitionKey, sortKey } = KEYS[index ?? "table"];
  const ranges = [`${bindings.name(partitionKey)} = ${bindings.value(partition)}`];
  if (from !== undefined && to !== undefined) {
    ranges.push(`${bindings.name(sortKey)} BETWEEN ${bindings.value(from)} AND ${bindings.value(to)}`);
  } else if (from !== undefined) {
    ranges.push(`${bindings.name(sortKey)} >= ${bindings.value(from)}`);
  } else if (to !== undefined) {
    ranges.push(`${bindings.name(sortKey)} <= ${bindings.value(to)}`);
  }
  return {
    IndexName: index,
    KeyConditionExpression: ranges.join(" AND "),
    ScanIndexForward: !newestFirst,
    ConsistentRead: index === undefined,
    ...bindings.bound,
  };
}

const KEYS = {
  table: TABLE,
  [TABLE.dueIndex.name]: TABLE.dueIndex,
  [TABLE.stateIndex.name]: TABLE.stateIndex,
};

const clause = (word: string, parts: readonly string[]): string =>
  parts.length === 0 ? "" : `${word} ${parts.join(", ")}`;

const definedIn = (fields: Fields): readonly [string, Value][] =>
  Object.entries(fields).flatMap(([field, value]): [string, Value][] => (value === undefined ? [] : [[field, value]]));

function conditionText(condition: Condition, bindings: Bindings): string {
  if ("all" in condition) return joined(condition.all, " AND ", bindings);
  if ("any" in condition) return joined(condition.any, " OR ", bindings);
  const name = bindings.name(condition.field);
  switch (condition.is) {
    case "absent":
      return `attribute_not_exists(${name})`;
    case "present":
      return `attribute_exists(${name})`;
    case "in":
      return `${name} IN (${condition.values.map((value) => bindings.value(value)).join(", ")})`;
    default:
      return `${name} ${condition.is} ${bindings.value(condition.value)}`;
  }
}

/** DynamoDB rejects redundant parentheses, as in `((a = b))`. */
function joined(conditions: readonly Condition[], operator: string, bindings: Bindings): string {
  const [only, ...others] = conditions;
  if (only !== undefined && others.length === 0) return conditionText(only, bindings);
  return conditions
    .map((one) => (isSimple(one) ? conditionText(one, bindings) : `(${conditionText(one, bindings)})`))
    .join(operator);
}

function isSimple(condition: Condition): boolean {
  if ("field" in condition) return true;
  const [only, ...others] = "all" in condition ? condition.all : condition.any;
  return only !== undefined && others.length === 0 && isSimple(only);
}
