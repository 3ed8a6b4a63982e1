/**
 * How well a part of the bridge is, from the worst to the best. `attention`: it works, and a person should look at it.
 * `unknown`: nothing on record says that it works, and nothing that it fails.
 */
export const LEVELS = ["failing", "attention", "unknown", "well"] as const;
export type Level = (typeof LEVELS)[number];

/** The worst of these; `unknown` if there is none. */
export const worstOf = (levels: readonly Level[]): Level => LEVELS.find((one) => levels.includes(one)) ?? "unknown";
