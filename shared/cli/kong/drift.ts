import * as v from "valibot";
import { DEFAULTS, isUnused } from "./defaults.ts";
import type { KongDocument, Values } from "./document.ts";
import { entitiesIn, type Found, taggedElsewhere, upstreamsIn } from "./entities.ts";

/**
 * What differs between a configuration that is rendered and one that Kong has, one line each: what is missing, what is
 * changed, and what has our tag and is not rendered. No line has a value that may be a secret.
 */
export function driftOf(rendered: KongDocument, actual: object): readonly string[] {
  const [expected, found] = [entitiesIn(rendered), entitiesIn(actual)];
  const byLabel = new Map(found.map((one) => [one.label, one]));
  const labels = new Set(expected.map(({ label }) => label));
  const lines = expected.flatMap((one) => {
    const other = byLabel.get(one.label);
    if (other === undefined) return [`missing: ${one.label}`];
    return differences(one, other).map((difference) => `changed: ${one.label}: ${difference}`);
  });
  // An entity that is there twice is compared once.
  const more = found.filter((one) => !labels.has(one.label) || byLabel.get(one.label) !== one);
  const unknown = more.filter(({ isOurs }) => isOurs).map((one) => `unknown: ${nameless(one)}`);
  const others = taggedElsewhere(actual).map((name) => `unknown: ${name}`);
  return [...headDrift(rendered, actual), ...lines, ...unknown, ...others, ...takenOver(rendered, actual)];
}

/** Kong sends the requests to a host to the targets of an upstream of that name, whoever has made it. */
function takenOver({ services }: KongDocument, actual: object): readonly string[] {
  const names = upstreamsIn(actual);
  return services.flatMap(({ name, host }) =>
    names
      .filter((upstream) => upstream.toLowerCase() === host.toLowerCase())
      .map((upstream) => `unknown: upstream ${upstream} takes the requests to service ${name}`),
  );
}

/** Of a key that nobody rendered, the text may be the name of a shared secret. */
const nameless = ({ label, values }: Found): string =>
  label.startsWith("key ")
    ? `key with the id ${String(values["id"] ?? "?")} of consumer ${String(values["of"])}`
    : label;

/** An export has a head; the Admin API has none. */
function headDrift(rendered: KongDocument, actual: unknown): readonly string[] {
  const head = v.safeParse(fileHead, actual);
  if (!head.success) return [];
  const { _format_version: version, _info: info } = head.output;
  return [
    ...(version === rendered._format_version
      ? []
      : [`changed: the file: _format_version is not ${rendered._format_version}`]),
    ...(info?.select_tags === undefined || isSame(rendered._info.select_tags, info.select_tags)
      ? []
      : ["changed: the file: _info.select_tags are others"]),
    ...(isRecord(info?.defaults) && Object.keys(info.defaults).length > 0
      ? ["changed: the file: _info.defaults is set and not rendered"]
      : []),
  ];
}

const fileHead = v.looseObject({
  _format_version: v.unknown(),
  _info: v.nullish(v.looseObject({ select_tags: v.optional(v.unknown()), defaults: v.optional(v.unknown()) })),
});

function differences(expected: Found, actual: Found): readonly string[] {
  const { id, ...values } = expected.values;
  const { id: actualId, ...others } = actual.values;
  // An export may leave ids out.
  const ids = actualId === undefined || actualId === id ? [] : ["id is another one"];
  return [...ids, ...differencesAt([], values, others, expected)];
}

function differencesAt(path: readonly string[], expected: Values, actual: Values, found: Found): readonly string[] {
  const names = [...new Set([...Object.keys(expected), ...Object.keys(actual)])].sort();
  return names.flatMap((name) => {
    const [place, one, other] = [[...path, name], expected[name], actual[name]];
    if (one === undefined) return extraAt(place, other, found);
    if (other === undefined || other === null) return [`${place.join(".")} is missing`];
    if (isRecord(one) && isRecord(other)) return differencesAt(place, one, other, found);
    return isSame(one, other, place.at(-1) === "access")
      ? []
      : [`${place.join(".")} is ${shown(place, one, other, found)}`];
  });
}

/**
 * A value that is not rendered says nothing if Kong fills it in. A default is judged first: what is on by itself is off by
 * an empty value.
 */
function extraAt(path: readonly string[], value: unknown, found: Found): readonly string[] {
  const [first, ...rest] = path;
  const place = rest.join(".");
  const { plugin = "" } = found;
  if (first === "config" && isUnused(plugin, place)) return [];
  const preset = first === "config" ? DEFAULTS[plugin]?.[place] : undefined;
  if (preset === undefined && isRecord(value))
    return Object.keys(value)
      .sort()
      .flatMap((name) => extraAt([...path, name], value[name], found));
  const isFilled = preset === undefined ? isEmpty(value) : isSame(preset, value);
  return isFilled ? [] : [`${path.join(".")} is set and not rendered`];
}

const isEmpty = (value: unknown): boolean => !value || (Array.isArray(value) && value.length === 0);

/** Lists are sets for Kong, except code, which runs in its order. */
function isSame(one: unknown, other: unknown, isOrdered = false): boolean {
  if (Array.isArray(one) && (Array.isArray(other) || (isRecord(other) && Object.keys(other).length === 0))) {
    const texts = (values: readonly unknown[]) => values.map((value) => JSON.stringify(value));
    const [a, b] = [texts(one), texts(Array.isArray(other) ? other : [])];
    return JSON.stringify(isOrdered ? a : a.sort()) === JSON.stringify(isOrdered ? b : b.sort());
  }
  // Kong keeps a PEM as it came, and a file may end it in another way.
  if (typeof one === "string" && typeof other === "string") return one.trim() === other.trim();
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Values of these may be shown. Every other text may be a secret that somebody wrote there. */
const PUBLIC = new Set([
  "of",
  "protocol",
  "host",
  "hosts",
  "methods",
  "paths",
  "protocols",
  "algorithm",
  "allow",
  "tags",
]);

function shown(path: readonly string[], expected: unknown, actual: unknown, { plugin }: Found): string {
  const isPlain = typeof actual === "number" || typeof actual === "boolean";
  const isPublic = PUBLIC.has(path.at(-1) ?? "") && (plugin === undefined || path.at(-1) === "allow");
  if (!isPlain && !isPublic) return "another value";
  return `${JSON.stringify(actual)}; rendered is ${JSON.stringify(expected)}`;
}

const isRecord = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value);
