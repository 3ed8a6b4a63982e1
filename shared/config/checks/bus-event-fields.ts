import type { TraceParent } from "../../host/trace.ts";
import type { BusEvent } from "../../model/bus-event.ts";
import {
  ACCESS_STATES,
  BUILD_STATES,
  CHANGED,
  CODE_CHANGES,
  EVENT_TYPES,
  GATE_STATES,
  GATEWAY_REASONS,
  PAGE_KINDS,
  PAGE_STATUSES,
  SEEN_HOW,
  WEAK_ORIGINS,
} from "../../model/event.ts";

/** What a field with a value has. A set: one of these texts. */
export type Value = "text" | "number" | "boolean" | ReadonlySet<string>;
/** Fields by name. */
type Fields = { readonly [name: string]: Field };
/** A field with a value, one with arbitrary names below it, a block of fields, or a list with the form of its elements. */
export type Field = Value | "any" | Fields | readonly [Field];

export const isValue = (field: Field): field is Value =>
  field instanceof Set || (typeof field === "string" && field !== "any");

/** The keys of all members of a union. */
type KeyOf<T> = T extends unknown ? keyof T : never;
type MemberOf<T, K> = T extends unknown ? (K extends keyof T ? NonNullable<T[K]> : never) : never;
type FieldsOf<T> = { readonly [K in KeyOf<T>]: FieldOf<MemberOf<T, K>> };
type FieldOf<V> = [V] extends [boolean]
  ? "boolean"
  : [V] extends [number]
    ? "number"
    : [V] extends [string]
      ? TextOf<V>
      : [V] extends [readonly (infer Element)[]]
        ? readonly [FieldOf<Element>]
        : string extends KeyOf<V>
          ? "any"
          : FieldsOf<V>;
type TextOf<V extends string> = string extends V ? "text" : [V] extends [TraceParent] ? "text" : ReadonlySet<V>;

const text = "text";
const texts = [text] as const;
const number = "number";
const flag = "boolean";
const buildState = new Set(BUILD_STATES);
const type = new Set(EVENT_TYPES);

const CHANGE_REF = {
  id: text,
  sourceProject: text,
  targetProject: text,
  sourceBranch: text,
  targetBranch: text,
  fork: flag,
} as const;
const REF = {
  branch: text,
  refName: text,
  tag: text,
  change: CHANGE_REF,
  source: text,
  protected: flag,
  defaultBranch: text,
} as const;
const BUILD_LINK = { id: text, number, pipeline: text, job: text } as const;

/** Every field that a published event can have. A missing or additional field is a type error. */
export const BUS_EVENT_FIELDS = {
  source: text,
  "detail-type": type,
  time: text,
  detail: {
    id: text,
    source: text,
    type,
    subject: text,
    time: text,
    undated: flag,
    delivery: text,
    eventKey: text,
    traceparent: text,
    replay: {
      of: text,
      routes: texts,
      actor: text,
      isRollback: flag,
      lastReport: { at: text, isOverdue: flag, turn: number },
      principal: { id: text, issuer: text, subject: text, trustEntry: text },
    },
    promotion: { from: text, to: text, reference: text, digest: text },
    principal: { id: text, issuer: text, subject: text, trustEntry: text, roles: texts, unproved: flag },
    actor: { id: text, name: text, username: text },

    label: text,
    comment: { id: text, site: text },
    origin: {
      delivery: text,
      triggerEventId: text,
      namespace: text,
      proved: { route: text, eventKey: text },
      proof: new Set(WEAK_ORIGINS),
    },
    page: {
      site: text,
      id: text,
      version: number,
      space: text,
      title: text,
      labels: texts,
      url: text,
      kind: new Set(PAGE_KINDS),
      trigger: text,
      minorEdit: flag,
      notificationsSuppressed: flag,
      status: new Set(PAGE_STATUSES),
      parent: text,
      previous: { parent: text, space: text },
    },
    flow: { route: text, of: text, text, behind: texts, from: text, commits: number },
    outdated: {
      commits: number,
      isMore: flag,
      after: number,
      projects: texts,
      paths: texts,
      since: text,
      how: new Set(SEEN_HOW),
    },
    attachment: {
      site: text,
      id: text,
      name: text,
      version: number,
      space: text,
      page: text,
      mediaType: text,
      url: text,
    },
    code: {
      project: text,
      projectUrl: text,
      ref: text,
      name: text,
      change: new Set(CODE_CHANGES),
      commit: text,
      before: text,
      commits: [{ id: text, message: text, url: text, author: text, paths: [number] }],
      commitCount: number,
      paths: { changed: texts, count: number, truncated: flag, incomplete: flag },
      protected: flag,
      defaultBranch: text,
      message: text,
    },
    change: {
      project: text,
      number,
      title: text,
      description: text,
      ...CHANGE_REF,
      commit: text,
      url: text,
      labels: texts,
      draft: flag,
      author: text,
      mergeCommit: text,
      changed: [new Set(CHANGED)],
      defaultBranch: text,
      comment: { id: text, text },
    },
    build: {
      system: text,
      id: text,
      number,
      pipeline: text,
      pipelineId: text,
      state: buildState,
      round: text,
      url: text,
      commit: text,
      title: text,
      message: text,
      ...REF,
      createdAt: text,
      startedAt: text,
      finishedAt: text,
      startedBy: text,
      reason: text,
      results: "any",
      parent: BUILD_LINK,
      rebuiltFrom: { id: text, number },
      trustEntry: text,
    },
    job: {
      system: text,
      id: text,
      name: text,
      state: buildState,
      build: text,
      pipeline: text,
      pipelineId: text,
      url: text,
      commit: text,
      ...REF,
      startedAt: text,
      finishedAt: text,
      reason: text,
      exitCode: number,
      retried: flag,
      supersededBy: text,
      runner: text,
      tags: texts,
      environment: text,
      softFailed: flag,
      stopsEnvironment: flag,
      results: "any",
    },
    deployment: {
      project: text,
      id: text,
      environment: text,
      tier: text,
      state: buildState,
      commit: text,
      title: text,
      url: text,
      job: text,
    },
    release: {
      project: text,
      tag: text,
      name: text,
      description: text,
      commit: text,
      url: text,
      releasedAt: text,
    },
    approval: {
      system: text,
      build: text,
      pipeline: text,
      step: text,
      environment: text,
      url: text,
      task: text,
      decidedBy: text,
      gate: {
        state: new Set(GATE_STATES),
        approvers: texts,
        requestedAt: text,
        until: text,
        opensAt: text,
        needsReason: flag,
        progress: { needed: number, grantedBy: texts, missingRoles: texts, otherwise: texts },
        emergency: flag,
        reminder: number,
        requester: text,
        rule: { id: text, configuration: text },
        by: text,
        comment: text,
        endedFor: text,
        delivery: text,
      },
    },
    agent: { system: text, id: text, name: text, tags: texts, url: text },
    token: { system: text, id: text, name: text, owner: text, expiresAt: text },
    trigger: { system: text, listener: text, name: text, eventId: text, reason: text },
    gateway: {
      system: text,
      id: text,
      node: text,
      status: number,
      reason: new Set(GATEWAY_REASONS),
      method: text,
      path: text,
      route: text,
      service: text,
      caller: text,
      correlation: text,
      decision: text,
      more: number,
    },
    order: { name: text, inputs: "any", act: text },
    access: {
      id: text,
      role: text,
      state: new Set(ACCESS_STATES),
      approvers: texts,
      requestedAt: text,
      until: text,
      requester: text,
      by: text,
      comment: text,
    },
    summary: {
      target: text,
      page: text,
      text,
      by: text,
      sources: [{ delivery: text, what: text, subject: text, version: text }],
    },
  },
} as const satisfies FieldsOf<BusEvent>;
