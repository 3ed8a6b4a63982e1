/**
 * Whether a name is on a list: as it is written there, or by its beginning, where the entry ends in `*`. Without a list,
 * every name is.
 */
export const isListed = (name: string, list: readonly string[] | undefined): boolean =>
  list === undefined || list.some((entry) => matchesName(entry, name));

const matchesName = (entry: string, name: string): boolean =>
  entry.endsWith("*") ? name.startsWith(entry.slice(0, -1)) : entry === name;
