import { existsSync, readFileSync } from "node:fs";
import type { BusEvent } from "../../shared/model/bus-event.ts";

/** `target.json` beside an action's other fixtures. */
interface FixtureTarget {
  /** Settings of the target, next to `kind`. */
  readonly target: object;
  /** Options of the route, next to `target`. */
  readonly options: object;
  /** The secrets that the settings refer to. */
  readonly environment: Readonly<Record<string, string>>;
  /**
   * Where a request that changes something carries its idempotency key: a header, a path into the JSON body, or the
   * address, as the path of the request with `*` in place of the key.
   */
  readonly idempotencyKey?: { readonly header: string } | { readonly body: string } | { readonly path: string };
}

/** A request that the action makes, and the response of a target that accepts it. */
export interface Exchanged {
  readonly request: {
    readonly method: string;
    /** With the query. */
    readonly path: string;
    /** Those that matter. */
    readonly headers: Readonly<Record<string, string>>;
    /** JSON. */
    readonly body?: unknown;
  };
  readonly response: {
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    /** JSON, or a text. */
    readonly body: unknown;
  };
}

export interface ActionFixture extends FixtureTarget {
  readonly busEvent: BusEvent;
  readonly origin: BusEvent;
  /** The first attempt. */
  readonly exchange: readonly Exchanged[];
  /** The same attempt again, after the target carried out the first. */
  readonly repeat: readonly Exchanged[];
}

/** The address of the target in fixtures. */
const TARGET = "https://target.example.test";

/** The fixture of an action, whose target is at `url`. */
export const actionFixtureOf = (action: string, url = TARGET): ActionFixture =>
  actionFixtureIn(`shared/actions/${action}`, url);

/** The fixture of an action's folder, whose target is at `url`. */
export function actionFixtureIn(path: string, url = TARGET): ActionFixture {
  const folder = new URL(`../../${path}/fixtures/`, import.meta.url);
  const textOf = (name: string) => textIn(new URL(`${name}.json`, folder).href);
  const read = (name: string) => JSON.parse((textOf(name) ?? "").replaceAll(TARGET, url));
  const readOr = <T>(name: string, otherwise: T): T => (textOf(name) === undefined ? otherwise : read(name));
  const busEvent: BusEvent = read("event");
  const exchange: readonly Exchanged[] = read("exchange");
  const target: FixtureTarget = read("target");
  return {
    ...target,
    busEvent,
    origin: readOr("origin", busEvent),
    exchange,
    repeat: readOr("repeat", exchange),
  };
}

/** Files are read once: a suite uses each fixture hundreds of times, in a new copy. */
const texts = new Map<string, string | undefined>();

/** The text of a file, or undefined if there is no file. */
function textIn(address: string): string | undefined {
  if (!texts.has(address)) {
    const file = new URL(address);
    texts.set(address, existsSync(file) ? readFileSync(file, "utf8") : undefined);
  }
  return texts.get(address);
}

/** The idempotency key in a request; undefined if it carries none. */
export function idempotencyKeyIn(
  { path, headers, body }: { readonly path: string; readonly headers: Headers; readonly body: unknown },
  place: FixtureTarget["idempotencyKey"],
): unknown {
  if (place === undefined) return undefined;
  if ("header" in place) return headers.get(place.header) ?? undefined;
  if ("path" in place) return wildcardIn(path, place.path);
  const memberOf = (value: unknown, member: string): unknown =>
    typeof value === "object" && value !== null ? Object.getOwnPropertyDescriptor(value, member)?.value : undefined;
  return place.body.split(".").reduce(memberOf, body);
}

/** What stands in a path in place of the `*` of a pattern; undefined if the path has another form. */
function wildcardIn(path: string, pattern: string): string | undefined {
  const [before, after, ...more] = pattern.split("*");
  if (before === undefined || after === undefined || more.length > 0) throw new Error(`${pattern} has not one *`);
  const key = path.slice(before.length, path.length - after.length);
  return key !== "" && path === before + key + after ? key : undefined;
}

/**
 * Events of the same kind that are not the one that is given: one of another delivery, one that the same delivery reports
 * too, and, for a key that the target remembers, one that differs in nothing else than its event key.
 */
export function otherEvents({ busEvent, idempotencyKey }: ActionFixture): readonly BusEvent[] {
  const another = (names: readonly string[]): BusEvent =>
    JSON.parse(JSON.stringify(busEvent), (name, value: unknown) => (names.includes(name) ? `${value}-other` : value));
  // A key in the body can be the name of a thing of the target that each event of a run writes anew.
  const isRemembered = idempotencyKey !== undefined && !("body" in idempotencyKey);
  return [
    another(["id", "delivery", "eventKey"]),
    another(["id", "eventKey"]),
    ...(isRemembered ? [another(["eventKey"])] : []),
  ];
}
