import { runtimePackages } from "../../infra/runtime-packages.ts";
import { table } from "../config-tables.ts";

/** Returns the table of the licences of all runtime packages. */
export function licenceTable(): string {
  const byLicence = new Map<string, Set<string>>();
  for (const { name, licence } of runtimePackages()) {
    byLicence.set(licence, (byLicence.get(licence) ?? new Set()).add(`\`${name}\``));
  }
  const rows = [...byLicence].map(([licence, names]) => [licence, [...names].sort().join(", ")]);
  return table(
    ["licence", "packages"],
    rows.toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1)),
  );
}
