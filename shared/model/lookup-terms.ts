import { traceIdOf } from "../host/trace.ts";
import { correlationIdsIn } from "./correlation-id.ts";
import type { BridgeEvent, OrderPart } from "./event.ts";
import { boundIdentity, eventKeyOf } from "./idempotency-keys.ts";
import type { Principal } from "./principal.ts";
import type { DeliverySummary, RecordedDelivery } from "./recorded-delivery.ts";

/** What a delivery can be looked up by, the most selective first. */
export const LOOKUP_KINDS = [
  "commit",
  "run",
  "change",
  "page",
  "title",
  "tag",
  "person",
  "branch",
  "pipeline",
  "trust",
  "trace",
  "correlation",
  "eventKey",
] as const;
export type LookupKind = (typeof LOOKUP_KINDS)[number];

export interface Term {
  readonly kind: LookupKind;
  /** Normalised: see {@link termOf}. */
  readonly value: string;
}

/** What the list holds of a delivery. */
export interface ListedDelivery extends DeliverySummary {
  /** Each as `<kind> <value>`; undefined in pages of earlier releases, and if the delivery cannot be read. */
  readonly terms?: readonly string[];
}

/** Terms of one delivery, and the characters of one value. */
const MAX_TERMS = 60;
const MAX_CHARACTERS = 120;
/** Shortest beginning of a commit that can be looked up. */
export const MIN_COMMIT_DIGITS = 7;

/** A value in the form in which it is stored and looked up. */
export const termOf = (kind: LookupKind, text: string): Term => {
  const value = text.normalize("NFC").trim().replace(/\s+/g, " ");
  // Git distinguishes the case of a branch or tag.
  const isExact = kind === "branch" || kind === "tag" || kind === "eventKey";
  return { kind, value: bounded(kind, isExact ? value : value.toLowerCase()) };
};

/** The number of a change stays whole, however long its project is: a change is found by its number alone. */
function bounded(kind: LookupKind, value: string): string {
  const [number = ""] = (kind === "change" && /!\d{1,20}$/.exec(value)) || [];
  const rest = value.slice(0, value.length - number.length);
  return `${boundIdentity(rest, MAX_CHARACTERS - number.length)}${number}`;
}

export const termText = ({ kind, value }: Term): string => `${kind} ${value}`;

/** The terms of a delivery, each once: what its events are about, who caused them, and who sent it. */
export function termsOf(delivery: RecordedDelivery): readonly string[] {
  const { principal, traceparent, source, outcome, requestId, headers, events = [] } = delivery;
  const found: Found[] = [
    ["trust", principal.trustEntry],
    ["person", principal.trustEntry === undefined ? undefined : principal.subject],
    ["trace", traceparent && traceIdOf(traceparent)],
    ...correlationIdsIn(headers).map((id) => ["correlation", id] as const),
    ...(outcome === "refused" || outcome === "audit" ? termsOfCaller(requestId, principal) : []),
    ...events.flatMap((event) => [
      ...termsOfEvent(event),
      ["eventKey", eventKeyOf(source, event.type, event.keyParts)] as const,
    ]),
  ];
  const terms = new Set<string>();
  for (const [kind, value] of found) {
    if (value === undefined || String(value).trim() === "" || terms.size === MAX_TERMS) continue;
    terms.add(termText(termOf(kind, String(value))));
  }
  return [...terms];
}

/** A text that the JSON of the terms of each delivery with this term contains. */
export function textIn({ kind, value }: Term): string {
  if (kind === "change" && !value.includes("!")) return JSON.stringify(`!${value}`).slice(1);
  const json = JSON.stringify(termText({ kind, value }));
  return kind === "commit" ? json.slice(0, -1) : json;
}

/** Whether a delivery has each of these terms. A commit may be given by its beginning, and a change without its project. */
export function hasTerms(listed: ListedDelivery | RecordedDelivery, wanted: readonly Term[]): boolean {
  if (wanted.length === 0) return true;
  const terms = termsIn(listed);
  return wanted.every(({ kind, value }) => {
    if (kind === "commit") return terms.some((term) => term.startsWith(`commit ${value}`));
    if (kind === "change" && !value.includes("!"))
      return terms.some((term) => term.startsWith("change ") && term.endsWith(`!${value}`));
    return terms.includes(termText({ kind, value }));
  });
}

/** The terms of a delivery that is recorded or listed. */
export const termsIn = (listed: ListedDelivery | RecordedDelivery): readonly string[] =>
  "bodyDigest" in listed ? termsOf(listed) : (listed.terms ?? []);

/** Of a request that has no event: its id, which its answer has, and the job and person that the token was issued to. */
const termsOfCaller = (requestId: string, { claims = {} }: Principal): readonly Found[] => [
  ["correlation", requestId],
  ["run", claims["pipeline_id"]],
  ["run", claims["job_id"]],
  ["run", claims["run_id"]],
  ["person", claims["user_login"]],
];

type Found = readonly [LookupKind, string | number | undefined];

function termsOfEvent(event: BridgeEvent): readonly Found[] {
  const { actor } = event;
  // A name for signing in is what people type; an id is what a sender without one reports.
  return [...termsOfPart(event), ["person", actor?.username ?? actor?.id], ["person", actor?.name]];
}

function termsOfPart(event: BridgeEvent): readonly Found[] {
  if ("page" in event)
    return [
      ["page", event.page.id],
      ["title", event.page.title],
    ];
  if ("attachment" in event) return [["page", event.attachment.page]];
  if ("code" in event) return termsOfCode(event.code);
  if ("change" in event) {
    const { project, number, commit, mergeCommit, sourceBranch, title, author } = event.change;
    return [
      ["commit", commit],
      ["commit", mergeCommit],
      ["change", `${project}!${number}`],
      ["branch", sourceBranch],
      ["title", title],
      ["person", author],
    ];
  }
  if ("build" in event)
    return [
      ...termsOfRun(event.build),
      ["run", event.build.number],
      ["run", runNameIn(event.subject)],
      ["person", event.build.startedBy],
    ];
  if ("job" in event) return [...termsOfRun(event.job), ["run", event.job.build], ["run", runNameIn(event.subject)]];
  if ("deployment" in event) {
    const { id, job, commit } = event.deployment;
    return [
      ["commit", commit],
      ["run", id],
      ["run", job],
    ];
  }
  if ("release" in event)
    return [
      ["commit", event.release.commit],
      ["tag", event.release.tag],
    ];
  if ("approval" in event)
    return [
      ["run", event.approval.build],
      ["pipeline", event.approval.pipeline],
    ];
  if ("summary" in event)
    return [
      ["page", event.summary.page],
      ["person", event.summary.by],
    ];
  if ("order" in event) return termsOfOrder(event.order);
  if ("gateway" in event) {
    const { id, correlation, decision, caller } = event.gateway;
    return [
      ["correlation", id],
      ["correlation", correlation],
      ["correlation", decision],
      ["person", caller],
    ];
  }
  if ("trigger" in event) return [["run", event.trigger.eventId]];
  return [];
}

/** What an input is follows from its name, and a commit also from its form. */
const termsOfOrder = ({ inputs, act }: OrderPart): readonly Found[] => [
  ...Object.entries(inputs).flatMap(([name, value]): readonly Found[] => {
    if (/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(value)) return [["commit", value]];
    const kind = ORDER_KINDS.find((one) => one === name);
    return kind === undefined ? [] : [[kind, value]];
  }),
  ["person", act],
];

const ORDER_KINDS = ["page", "branch", "tag", "pipeline"] as const;

/** A run in a cluster is known by its name, which its subject has after the namespace. */
const runNameIn = (subject: string): string | undefined => /^[^\s/#]+\/([^\s/#]+)$/.exec(subject)?.[1];

type CodePart = Extract<BridgeEvent, { readonly code: unknown }>["code"];

function termsOfCode({ ref, name, commit, commits }: CodePart): readonly Found[] {
  return [
    [ref.startsWith("refs/tags/") ? "tag" : "branch", name],
    ["commit", commit],
    ...commits.map(({ id }): Found => ["commit", id]),
  ];
}

type RunPart =
  | Extract<BridgeEvent, { readonly build: unknown }>["build"]
  | Extract<BridgeEvent, { readonly job: unknown }>["job"];

function termsOfRun({ id, pipeline, commit, branch, tag, refName, change }: RunPart): readonly Found[] {
  const project = change?.targetProject;
  return [
    ["commit", commit],
    ["run", id],
    ["pipeline", pipeline],
    ["branch", branch ?? refName],
    ["tag", tag],
    ["change", change?.id === undefined ? undefined : `${project ?? ""}!${change.id}`],
  ];
}
