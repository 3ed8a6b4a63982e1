/**
 * The longest time for which a configuration may let a role be requested, in minutes. A module of its own: the schema of the
 * configuration needs it at every start, and nothing else about such requests.
 */
export const MAX_ACCESS_MINUTES = 1_440;
