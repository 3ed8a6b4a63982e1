import { type BusEvent, sourceNameOf } from "./bus-event.ts";

declare const runKey: unique symbol;

/** Identifies a run by the source that reports it, and by its id or subject there. Two runs never have the same key. */
export type RunKey = string & { readonly [runKey]: true };

/** `id`: the run's id in its system, or its subject in events, such as `ci/docs-build-7` or `acme/docs#12`. */
export const runKeyOf = (source: string, id: string): RunKey => `${source}/${id}` as RunKey;

/** The keys of the run that an event reports: a token may know its id, or its subject. Empty if it reports no run. */
export function runKeysOf(busEvent: BusEvent): readonly RunKey[] {
  const { detail } = busEvent;
  if (!("build" in detail)) return [];
  return [...new Set([detail.build.id, detail.subject].map((id) => runKeyOf(sourceNameOf(busEvent), id)))];
}
