import lock from "../package-lock.json" with { type: "json" };

interface LockedPackage {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
}

interface LockEntry {
  readonly version?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}

const PLACE = "node_modules/";

/** The locked packages that the bridge runs with, direct and indirect, without those that only development needs. */
export function runtimePackages(): readonly LockedPackage[] {
  const entries: Readonly<Record<string, LockEntry>> = lock.packages;
  return Object.entries(entries).flatMap(([place, { version = "", license = "unknown", dev, devOptional }]) => {
    if (!place.startsWith(PLACE) || dev === true || devOptional === true) return [];
    return [{ name: place.slice(place.lastIndexOf(PLACE) + PLACE.length), version, licence: license }];
  });
}
