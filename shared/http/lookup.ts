import * as v from "valibot";
import { CORRELATION_ID } from "../model/correlation-id.ts";
import { isDeliveryId } from "../model/idempotency-keys.ts";
import { type LookupKind, MIN_COMMIT_DIGITS, type Term, termOf } from "../model/lookup-terms.ts";

/** The query parameters that look a delivery up, and what each must be. */
export const LOOKUP_PARAMETERS = {
  commit: "7 to 64 hexadecimal digits: a commit, or its beginning",
  branch: "a branch's name",
  tag: "a tag's name",
  change: "the number of a merge request or pull request: 12, !12 or platform/docs!12",
  page: "a page's id or title, or an address that has one of them",
  pipeline: "a pipeline's name",
  run: "the id, number or name of a build, job or run",
  person: "a person's name or account",
  trust: "a trust entry's name",
  trace: "a trace id: 32 hexadecimal digits",
  correlation: "an id of the request: X-Correlation-Id, X-Kong-Request-Id or X-Request-Id",
  eventKey: "an event key: e-…",
} as const;
type Parameter = keyof typeof LOOKUP_PARAMETERS;

const text = v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(2_000)));
const matching = (pattern: RegExp) => v.optional(v.pipe(v.string(), v.regex(pattern)));

/** Only what is no address, or one that names something that can be looked up. */
const unlessUnknownAddress = (isKnown: (value: string) => boolean) =>
  v.optional(
    v.pipe(
      v.string(),
      v.minLength(1),
      v.maxLength(2_000),
      v.check((value) => !isAddress(value) || isKnown(value)),
    ),
  );

const isAddress = (text: string): boolean => /^\s*https?:\/\//i.test(text);

/** An address in which nothing can be found that a delivery can be looked up by. */
export const isUnknownAddress = (text: string): boolean => isAddress(text) && candidatesOf(text).length === 0;

export const KNOWN_ADDRESSES = "of a page, commit, branch, tag, merge request, pull request, build, job or run";

export const lookupEntries = {
  find: unlessUnknownAddress((value) => !isUnknownAddress(value)),
  commit: matching(new RegExp(`^[0-9a-fA-F]{${MIN_COMMIT_DIGITS},64}$`)),
  branch: text,
  tag: text,
  change: matching(/^(?:\S*!)?\d{1,20}$/),
  page: unlessUnknownAddress((value) => pageInAddress(value) !== undefined),
  pipeline: text,
  run: text,
  person: text,
  trust: text,
  trace: matching(/^[0-9a-fA-F]{32}$/),
  correlation: matching(CORRELATION_ID),
  eventKey: matching(/^e-[a-z0-9-]+$/),
} as const;

type Lookup = { readonly [K in Parameter]?: string | undefined };

/** The terms that the named parameters ask for. */
export function termsOfQuery(query: Lookup): readonly Term[] {
  return Object.keys(LOOKUP_PARAMETERS).flatMap((name) => {
    // A key of the table.
    const parameter = name as Parameter;
    const value = query[parameter];
    return value === undefined ? [] : [termOfParameter(parameter, value)];
  });
}

function termOfParameter(parameter: Parameter, value: string): Term {
  if (parameter === "change") return termOf("change", value.replace(/^!/, ""));
  if (parameter !== "page") return termOf(parameter, value);
  return pageInAddress(value) ?? termOf(/^\d+$/.test(value) ? "page" : "title", value);
}

function pageInAddress(address: string): Term | undefined {
  const [addressed] = termsOfAddress(address);
  return addressed?.kind === "page" || addressed?.kind === "title" ? addressed : undefined;
}

/** What a text may stand for. `in`: the pipeline whose build has the number. */
export type Candidate = { readonly kind: "delivery"; readonly value: string } | (Term & { readonly in?: Term });

/** What a delivery must have to be what a text may stand for. */
export const termsOfCandidate = ({
  in: pipeline,
  ...term
}: Exclude<Candidate, { kind: "delivery" }>): readonly Term[] => [term, ...(pipeline === undefined ? [] : [pipeline])];

/** What a text typed anywhere may stand for, the surest first. */
export function candidatesOf(find: string): readonly Candidate[] {
  const given = find.trim();
  if (isDeliveryId(given)) return [{ kind: "delivery", value: given }];
  if (isAddress(given)) return termsOfAddress(given);
  const kinds: LookupKind[] = [];
  if (/^[0-9a-f]{7,64}$/i.test(given)) kinds.push("commit");
  if (/^\d+$/.test(given)) kinds.push("run", "page", "change");
  if (/^\S*!\d+$/.test(given)) kinds.push("change");
  const names: readonly LookupKind[] = ["run", "pipeline", "branch", "tag", "person", "title", "trust"];
  // The list is read for the last ones, which takes longer.
  const read: readonly LookupKind[] = [
    ...(given.startsWith("e-") ? (["eventKey"] as const) : []),
    ...(/^[0-9a-f]{32}$/i.test(given) ? (["trace"] as const) : []),
    // A name without a digit is far more often that of a branch or a person.
    ...(CORRELATION_ID.test(given) && /\d/.test(given) ? (["correlation"] as const) : []),
  ];
  const all = [...kinds, ...names.filter((kind) => !kinds.includes(kind)), ...read];
  return all.map((kind) => termOf(kind, kind === "change" ? given.replace(/^!/, "") : given));
}

/** The addresses of Confluence, GitLab, GitHub, Buildkite and the Tekton Dashboard name what they show. */
const ADDRESSES: readonly (readonly [LookupKind, RegExp])[] = [
  ["page", /[?&]pageId=(\d+)/],
  ["page", /\/pages\/(?:edit-v2\/)?(\d+)/],
  ["page", /\/blog\/\d{4}\/\d{2}\/\d{2}\/(\d+)/],
  // Data Center shows a page by its title.
  ["title", /\/display\/[^/?#]+\/([^/?#]+)/],
  ["title", /\/viewpage\.action\?(?:[^#]*&)?title=([^&#]+)/],
  ["commit", /\/commit\/([0-9a-f]{7,64})/i],
  ["run", /#([0-9a-f-]{36})$/],
  ["run", /#\/namespaces\/[^/?#]+\/(?:pipelineruns|taskruns|customruns)\/([^/?#]+)/],
  ["run", /\/(?:pipelines|jobs|builds|runs)\/(\d+)/],
  ["tag", /\/(?:tags|releases\/tag)\/([^/?#]+)/],
  ["branch", /\/tree\/([^?#]+)/],
];

function termsOfAddress(address: string): readonly Exclude<Candidate, { kind: "delivery" }>[] {
  const changes = termsOfChangeAddress(address);
  if (changes.length > 0) return changes;
  const [, organization, pipeline, number] = BUILDKITE.exec(address) ?? [];
  if (organization !== undefined && pipeline !== undefined && number !== undefined) {
    const job = /#([0-9a-f-]{36})$/.exec(address)?.[1];
    if (job !== undefined) return [termOf("run", job)];
    // Each pipeline counts its own builds. Without its organization is a pipeline whose webhook names none.
    const pipelines = [`${organization}/${pipeline}`, pipeline].map((name) => termOf("pipeline", decoded(name)));
    return pipelines.map((one) => ({ ...termOf("run", number), in: one }));
  }
  return ADDRESSES.flatMap(([kind, pattern]) => {
    const [, value] = pattern.exec(address) ?? [];
    if (value === undefined) return [];
    return [termOf(kind, decoded(kind === "title" ? value.replaceAll("+", " ") : value))];
  });
}

/**
 * The number of a change is one of its project. The site may be below a path, which is not part of the project. What
 * reports a run of a change without its project is the last to be taken for it.
 */
function termsOfChangeAddress(address: string): readonly Term[] {
  const [, path = "", number] = CHANGE_ADDRESS.exec(address) ?? [];
  if (number === undefined) return [];
  const parts = path.split("/").map(decoded);
  const projects = parts.slice(0, -1).map((_, at) => parts.slice(at).join("/"));
  return [...projects.slice(0, MAX_PROJECTS), ""].map((project) => termOf("change", `${project}!${number}`));
}

/** https://buildkite.com/docs/apis/rest-api/builds: `web_url`. */
const BUILDKITE = /^https?:\/\/[^/?#]+\/([\w.-]+)\/([\w.-]+)\/builds\/(\d+)(?:[/?#]|$)/i;

/** GitLab's and GitHub's, with the path of the project and the number. */
const CHANGE_ADDRESS = /^https?:\/\/[^/?#]+\/([^?#]+?)(?:\/-)?\/(?:merge_requests|pull)\/(\d{1,20})(?:[/?#]|$)/i;
/** Paths of one address that may be the project: that of the site has few parts. */
const MAX_PROJECTS = 4;

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
