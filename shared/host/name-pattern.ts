/**
 * Whether a name is on a list: as it is written there, or by its beginning, where the entry ends in `*`. Without a list,
 * every name is.
 */
export const isListed = (name: string, list: readonly string[] | undefined): boolean =>
  list === undefined || list.some((entry) => matchesName(entry, name));

const matchesName = (entry: string, name: string): boolean =>
  entry.endsWith("*") ? name.startsWith(entry.slice(0, -1)) : entry === name;

/** As {@link isListed}, for names of which no two differ only in case, such as paths at GitLab and GitHub. */
export const isListedInAnyCase = (name: string, list: readonly string[] | undefined): boolean =>
  isListed(
    name.toLowerCase(),
    list?.map((entry) => entry.toLowerCase()),
  );
