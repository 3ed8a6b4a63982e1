import { readJsonObject } from "../../host/strict-json.ts";
import type { AuthenticDelivery } from "../../model/authentic-delivery.ts";
import { cut, EVENT_LIMITS } from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import type { Reader } from "../payload.ts";
import { mergeRequest, note } from "./parse-change.ts";
import { push, release, tagPush } from "./parse-code.ts";
import { build, deployment, pipeline } from "./parse-run.ts";
import { token } from "./parse-token.ts";

/** Announces a note that not every member of a project may see; older servers do not mark it in the body. */
const CONFIDENTIAL = "Confidential Note Hook";

/** The kinds that are published, by `object_kind`, with the values of `X-Gitlab-Event` that go with them. */
const KINDS: ReadonlyMap<string, { readonly read: Reader; readonly announcedBy: readonly string[] }> = new Map([
  ["push", { read: push, announcedBy: ["Push Hook"] }],
  ["tag_push", { read: tagPush, announcedBy: ["Tag Push Hook"] }],
  ["merge_request", { read: mergeRequest, announcedBy: ["Merge Request Hook"] }],
  ["note", { read: note, announcedBy: ["Note Hook", CONFIDENTIAL] }],
  ["pipeline", { read: pipeline, announcedBy: ["Pipeline Hook"] }],
  ["build", { read: build, announcedBy: ["Job Hook", "Build Hook"] }],
  ["deployment", { read: deployment, announcedBy: ["Deployment Hook"] }],
  ["release", { read: release, announcedBy: ["Release Hook"] }],
  ["access_token", { read: token, announcedBy: ["Resource Access Token Hook"] }],
  ["deploy_token", { read: token, announcedBy: ["Resource Deploy Token Hook"] }],
]);

/** Hooks whose header names the hook and not the event. */
const WRAPPERS: readonly string[] = ["System Hook", "Service Hook"];

/** Reads a hook's delivery. A kind that the bridge does not publish is ignored, with its name; so are new kinds. */
export function readDelivery({ headers, body, bodyDigest, receivedAt }: AuthenticDelivery): Reading {
  const id = headers.get("webhook-id") ?? headers.get("idempotency-key");
  const reading = readBody(body, headers.get("x-gitlab-event") ?? undefined, receivedAt);
  return id ? { deliveryKey: [id, bodyDigest], ...reading } : reading;
}

function readBody(body: Uint8Array, header: string | undefined, receivedAt: AuthenticDelivery["receivedAt"]): Reading {
  const json = readJsonObject(body);
  if (!json.ok) return { outcome: "unusable", problem: json.problem };
  const kindInBody = json.value["object_kind"] ?? json.value["event_name"];
  // A custom template may omit the kind from the body. Only the header names it then, which no signature covers.
  const kind = kindInBody ?? kindAnnouncedBy(header) ?? header;
  if (typeof kind !== "string")
    return { outcome: "unusable", problem: "neither the body nor a header names the event" };
  if (kindInBody !== undefined && !agree(kind, header)) {
    return { outcome: "unusable", problem: "the body and the header X-Gitlab-Event name different events" };
  }
  if (header === CONFIDENTIAL) return { outcome: "ignored", kind: "note.confidential" };
  const known = KINDS.get(kind);
  return known ? known.read(kind, json.value, receivedAt) : { outcome: "ignored", kind: cut(kind, EVENT_LIMITS.title) };
}

function agree(kind: string, header: string | undefined): boolean {
  if (header === undefined || WRAPPERS.includes(header)) return true;
  const known = KINDS.get(kind);
  return known ? known.announcedBy.includes(header) : kindAnnouncedBy(header) === undefined;
}

function kindAnnouncedBy(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  for (const [kind, { announcedBy }] of KINDS) if (announcedBy.includes(header)) return kind;
  return undefined;
}
