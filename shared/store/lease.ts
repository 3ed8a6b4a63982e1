import { CLOCK_SKEW_MS, type EpochMillis } from "../host/clock.ts";
import { absentOr, type ItemChange } from "./table.ts";

/**
 * The change that makes a caller the only owner of an item until `until`. No change if another owner is at `now`. All leases
 * of an item are equally long, so a lease that ends later was taken by a clock that was ahead, and is free. `owner` counts
 * the leases, so no number is used twice. `expiresAt`: epoch seconds.
 */
export const takeLease = (now: EpochMillis, until: EpochMillis, expiresAt: number): ItemChange => ({
  condition: {
    any: [
      absentOr({ field: "leasedUntil", is: "<=", value: now }),
      { field: "leasedUntil", is: ">", value: until + CLOCK_SKEW_MS },
    ],
  },
  add: { owner: 1 },
  set: { leasedUntil: until, expiresAt },
});

/** The change that ends a lease and stores what its owner knows. No change if it no longer belongs to this owner. */
export const endLease = (owner: number, record: object): ItemChange => ({
  condition: { field: "owner", is: "=", value: owner },
  set: { record: JSON.stringify(record) },
  remove: ["leasedUntil"],
});
