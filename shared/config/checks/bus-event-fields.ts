import type { BusEvent } from "../../model/bus-event.ts";

/** A field with a value, one with arbitrary names below it, or a block of fields. A list has the form of its elements. */
export type Fields = { readonly [name: string]: Fields | "value" | "any" };

/** The keys of all members of a union. */
type KeyOf<T> = T extends unknown ? keyof T : never;
type MemberOf<T, K> = T extends unknown ? (K extends keyof T ? NonNullable<T[K]> : never) : never;
type FieldsOf<T> = { readonly [K in KeyOf<T>]: FieldOf<MemberOf<T, K>> };
type FieldOf<V> = [V] extends [string | number | boolean]
  ? "value"
  : [V] extends [readonly (infer Element)[]]
    ? FieldOf<Element>
    : string extends KeyOf<V>
      ? "any"
      : FieldsOf<V>;

const value = "value";

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
    replay: { of: value, routes: value, actor: value, isRollback: value },
    principal: { issuer: value, subject: value, roles: value, unproved: value },
    actor: { id: value, name: value },

    label: value,
    comment: { id: value, site: value },
    origin: { delivery: value, triggerEventId: value },
    page: { site: value, id: value, version: value, space: value, title: value, labels: value, url: value },
    code: {
      project: value,
      projectUrl: value,
      ref: value,
      name: value,
      change: value,
      commit: value,
      before: value,
      commits: { id: value, message: value, url: value },
      commitCount: value,
    },
    change: {
      project: value,
      number: value,
      title: value,
      description: value,
      sourceBranch: value,
      targetBranch: value,
      commit: value,
      url: value,
      comment: { id: value, text: value },
    },
    build: {
      system: value,
      id: value,
      number: value,
      pipeline: value,
      state: value,
      round: value,
      url: value,
      commit: value,
      title: value,
      message: value,
      branch: value,
      createdAt: value,
      startedAt: value,
      finishedAt: value,
      startedBy: value,
      reason: value,
      results: "any",
      trustEntry: value,
    },
    job: {
      system: value,
      id: value,
      name: value,
      state: value,
      build: value,
      pipeline: value,
      url: value,
      commit: value,
      branch: value,
      startedAt: value,
      finishedAt: value,
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
    release: { project: value, tag: value, name: value, description: value, commit: value, url: value },
    approval: {
      system: value,
      build: value,
      pipeline: value,
      step: value,
      url: value,
      gate: { state: value, approvers: value, requestedAt: value, until: value, by: value },
    },
  },
} as const satisfies FieldsOf<BusEvent>;
