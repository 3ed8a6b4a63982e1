import { busSourceOf, sourceUriOf } from "../../model/bus-event.ts";
import { type BridgeEvent, EVENT_TYPES, type EventType } from "../../model/event.ts";
import { providers } from "../../providers/registry.ts";
import type { Scalar } from "../../routes/operators.ts";
import type { Config, ConfiguredSource } from "../schema.ts";
import type { Facts } from "./is-satisfiable.ts";

/** The events of one type that one source publishes. */
export interface KnownEvents {
  readonly type: EventType;
  /** Name of the source. */
  readonly source: string;
  readonly facts: Facts;
}

/** The part of a source that its events show. */
export type NamedSource = Pick<ConfiguredSource, "name" | "provider">;

/** Facts beyond those that the type and the source give, by field. */
export type MoreFacts = Readonly<Record<string, readonly Scalar[]>>;

/** The events of these types that a source can publish. */
export function eventsOf(
  source: NamedSource,
  types: readonly EventType[],
  more: MoreFacts = {},
): readonly KnownEvents[] {
  const published: readonly EventType[] = OWN.get(source.name)?.types ?? publishedBy(source);
  return published
    .filter((type) => types.includes(type))
    .map((type) => ({ type, source: source.name, facts: factsOf(source, type, more) }));
}

const publishedBy = ({ provider }: NamedSource): readonly EventType[] =>
  providers.find(({ name }) => name === provider)?.publishes ?? [];

/** All events that a configuration leads to. */
export const allEvents = (config: Config): readonly KnownEvents[] =>
  [...config.sources, ...ownSources(config)].flatMap((source) => eventsOf(source, EVENT_TYPES));

interface OwnSource {
  readonly types: readonly EventType[];
  readonly isActive: (config: Config) => boolean;
}

const typesOf = (...families: readonly Family[]): readonly EventType[] =>
  EVENT_TYPES.filter((type) => families.some((family) => type.startsWith(`${family}.`)));

/**
 * The bridge publishes events of its own: about approvals of its routes and requests for roles, the states that jobs report,
 * summaries, orders, pages that fell behind their code, and what routes hold back.
 */
const OWN: ReadonlyMap<string, OwnSource> = new Map([
  [
    "approvals",
    {
      types: typesOf("approval", "access"),
      isActive: ({ routes, roles }) =>
        routes.some(({ approval }) => approval !== undefined) ||
        Object.values(roles).some(({ onRequest }) => onRequest !== undefined),
    },
  ],
  [
    "status",
    {
      types: typesOf("build"),
      isActive: ({ issuers, roles }) =>
        Object.values(issuers)
          .flatMap((entry) => entry.roles)
          .some(({ role }) => roles[role]?.call.includes("status")),
    },
  ],
  [
    "summaries",
    {
      types: typesOf("summary"),
      isActive: ({ issuers, roles }) =>
        Object.values(issuers)
          .flatMap((entry) => entry.roles)
          .some(({ role }) => (roles[role]?.summarise.length ?? 0) > 0),
    },
  ],
  ["orders", { types: typesOf("order"), isActive: ({ orders }) => Object.keys(orders).length > 0 }],
  [
    "flow",
    {
      types: typesOf("flow"),
      isActive: ({ routes }) =>
        routes.some(({ flow, environments = [] }) => flow?.running !== undefined || environments.length > 1),
    },
  ],
  [
    "pages",
    {
      types: ["page.outdated"],
      isActive: ({ targets }) => targets.some(({ settings }) => "outdated" in settings),
    },
  ],
]);

export const OWN_NAMES: readonly string[] = [...OWN.keys()];

export const ownSources = (config: Config): readonly NamedSource[] =>
  [...OWN].filter(([, { isActive }]) => isActive(config)).map(([name]) => ({ name, provider: name }));

type FamilyOf<Type> = Type extends `${infer Family}.${string}` ? Family : never;
type Family = FamilyOf<EventType>;
type Common = "type" | "keyParts" | "time" | "undated" | "subject" | "actor";
type PartOf<F extends string, Event = BridgeEvent> = Event extends { readonly type: infer Type }
  ? [Extract<Type, `${F}.${string}`>] extends [never]
    ? never
    : Exclude<keyof Event, Common>
  : never;

/** The members that only some types of events have, by the types that can have them. A missing one is a type error. */
const PARTS = {
  page: { page: true, label: true, comment: true, outdated: true, origin: true },
  blogpost: { page: true, label: true, comment: true },
  attachment: { attachment: true },
  code: { code: true },
  change: { change: true },
  build: { build: true, origin: true },
  job: { job: true, origin: true },
  deployment: { deployment: true },
  release: { release: true },
  approval: { approval: true, origin: true },
  agent: { agent: true },
  token: { token: true },
  trigger: { trigger: true, origin: true },
  gateway: { gateway: true },
  summary: { summary: true },
  order: { order: true },
  flow: { flow: true, origin: true },
  access: { access: true },
} as const satisfies { readonly [F in Family]: Readonly<Record<PartOf<F>, true>> };

const ALL_PARTS: ReadonlySet<string> = new Set(Object.values(PARTS).flatMap((parts) => Object.keys(parts)));

/** Fields that only these types of their part have. `shared/model/event.ts` says so beside each. */
const ONLY_IN: readonly (readonly [field: string, types: readonly EventType[]])[] = [
  ["detail.label", ["page.labeled", "page.unlabeled", "blogpost.labeled", "blogpost.unlabeled"]],
  ["detail.comment", ["page.commented"]],
  ["detail.outdated", ["page.outdated"]],
  ["detail.origin", EVENT_TYPES.filter((type) => type === "page.outdated" || !type.startsWith("page."))],
  ["detail.flow.text", ["flow.waiting", "flow.behind"]],
  ["detail.flow.behind", ["flow.waiting"]],
  ["detail.flow.from", ["flow.behind", "flow.level"]],
  ["detail.flow.commits", ["flow.behind"]],
  ["detail.code.commit", ["code.pushed", "code.tagged"]],
  ["detail.code.message", ["code.tagged"]],
  ["detail.gateway.reason", ["gateway.refused", "gateway.failed"]],
  ["detail.change.mergeCommit", ["change.merged"]],
  ["detail.change.changed", ["change.updated"]],
  ["detail.change.comment", ["change.commented", "change.comment_edited"]],
];

/** Whether events of a type never have a field, or the field that contains it. */
export function lacks(type: EventType, field: string): boolean {
  const [, part = ""] = field.split(".");
  return (
    (field.startsWith("detail.") && ALL_PARTS.has(part) && !hasPart(type, part)) ||
    ONLY_IN.some(([only, types]) => isIn(field, only) && !types.includes(type))
  );
}

export const hasPart = (type: EventType, part: string): boolean => Object.hasOwn(PARTS[familyOf(type)], part);

const isIn = (field: string, block: string): boolean => field === block || field.startsWith(`${block}.`);

// Every type begins with its family.
const familyOf = (type: EventType): Family => type.slice(0, type.indexOf(".")) as Family;

function factsOf({ name, provider }: NamedSource, type: EventType, more: MoreFacts): Facts {
  const family = familyOf(type);
  const known = new Map(
    Object.entries({
      source: [busSourceOf(provider)],
      "detail-type": [type],
      "detail.type": [type],
      "detail.source": [sourceUriOf(name)],
      "detail.code.change": type === "code.deleted" ? ["deleted"] : ["created", "updated"],
      ...(HAS_STATE.includes(family) && { [`detail.${family}.state`]: [type.slice(family.length + 1)] }),
      // Jobs report builds of several systems to the source `status`.
      ...(!OWN.has(name) && { "detail.build.system": [provider], "detail.job.system": [provider] }),
      ...(family === "gateway" && { "detail.gateway.system": [provider] }),
      ...more,
    }),
  );
  return (field) => (lacks(type, field) ? [] : known.get(field));
}

const HAS_STATE: readonly Family[] = ["build", "job", "deployment"];
