import type { BusEvent } from "../../model/bus-event.ts";

/** Fields by name. */
type Fields = { readonly [name: string]: Field };
/** A field with a value, one with arbitrary names below it, a block of fields, or a list with the form of its elements. */
export type Field = "value" | "any" | Fields | readonly [Field];

/** The keys of all members of a union. */
type KeyOf<T> = T extends unknown ? keyof T : never;
type MemberOf<T, K> = T extends unknown ? (K extends keyof T ? NonNullable<T[K]> : never) : never;
type FieldsOf<T> = { readonly [K in KeyOf<T>]: FieldOf<MemberOf<T, K>> };
type FieldOf<V> = [V] extends [string | number | boolean]
  ? "value"
  : [V] extends [readonly (infer Element)[]]
    ? readonly [FieldOf<Element>]
    : string extends KeyOf<V>
      ? "any"
      : FieldsOf<V>;

const value = "value";
const values = [value] as const;

const CHANGE_REF = {
  id: value,
  sourceProject: value,
  targetProject: value,
  sourceBranch: value,
  targetBranch: value,
  fork: value,
} as const;
const REF = {
  branch: value,
  tag: value,
  change: CHANGE_REF,
  source: value,
  protected: value,
  defaultBranch: value,
} as const;
const BUILD_LINK = { id: value, number: value, pipeline: value, job: value } as const;

/** Every field that a published event can have. A missing or additional field is a type error. */
export const BUS_EVENT_FIELDS = {
  source: value,
  "detail-type": value,
  time: value,
  detail: {
    id: value,
    source: value,
    type: value,
    subject: value,
    time: value,
    undated: value,
    delivery: value,
    eventKey: value,
    traceparent: value,
    replay: { of: value, routes: values, actor: value, isRollback: value },
    principal: { issuer: value, subject: value, roles: values, unproved: value },
    actor: { id: value, name: value, username: value },

    label: value,
    comment: { id: value, site: value },
    origin: { delivery: value, triggerEventId: value },
    page: {
      site: value,
      id: value,
      version: value,
      space: value,
      title: value,
      labels: values,
      url: value,
      kind: value,
      trigger: value,
      minorEdit: value,
      notificationsSuppressed: value,
      status: value,
      parent: value,
      previous: { parent: value, space: value },
    },
    attachment: {
      site: value,
      id: value,
      name: value,
      version: value,
      space: value,
      page: value,
      mediaType: value,
      url: value,
    },
    code: {
      project: value,
      projectUrl: value,
      ref: value,
      name: value,
      change: value,
      commit: value,
      before: value,
      commits: [{ id: value, message: value, url: value, author: value }],
      commitCount: value,
      paths: { changed: values, count: value, truncated: value },
      protected: value,
      defaultBranch: value,
      message: value,
    },
    change: {
      project: value,
      number: value,
      title: value,
      description: value,
      ...CHANGE_REF,
      commit: value,
      url: value,
      labels: values,
      draft: value,
      author: value,
      mergeCommit: value,
      changed: values,
      defaultBranch: value,
      comment: { id: value, text: value },
    },
    build: {
      system: value,
      id: value,
      number: value,
      pipeline: value,
      pipelineId: value,
      state: value,
      round: value,
      url: value,
      commit: value,
      title: value,
      message: value,
      ...REF,
      createdAt: value,
      startedAt: value,
      finishedAt: value,
      startedBy: value,
      reason: value,
      results: "any",
      parent: BUILD_LINK,
      rebuiltFrom: BUILD_LINK,
      trustEntry: value,
    },
    job: {
      system: value,
      id: value,
      name: value,
      state: value,
      build: value,
      pipeline: value,
      pipelineId: value,
      url: value,
      commit: value,
      ...REF,
      startedAt: value,
      finishedAt: value,
      reason: value,
      exitCode: value,
      retried: value,
      supersededBy: value,
      runner: value,
      tags: values,
      environment: value,
      softFailed: value,
      results: "any",
    },
    deployment: {
      project: value,
      id: value,
      environment: value,
      tier: value,
      state: value,
      commit: value,
      title: value,
      url: value,
      job: value,
    },
    release: {
      project: value,
      tag: value,
      name: value,
      description: value,
      commit: value,
      url: value,
      releasedAt: value,
    },
    approval: {
      system: value,
      build: value,
      pipeline: value,
      step: value,
      environment: value,
      url: value,
      gate: { state: value, approvers: values, requestedAt: value, until: value, by: value, delivery: value },
    },
    agent: { system: value, id: value, name: value, tags: values, url: value },
    token: { system: value, id: value, name: value, owner: value, expiresAt: value },
    trigger: { system: value, listener: value, eventId: value, reason: value },
  },
} as const satisfies FieldsOf<BusEvent>;
