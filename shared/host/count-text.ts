/** A number with its unit: "1 action", "3 actions", "100 or more actions". `several` is the plural of `one`. */
export const countText = (
  count: number,
  [one, several]: readonly [one: string, several: string],
  { isLeast = false }: { readonly isLeast?: boolean } = {},
): string => (isLeast ? `${grouped(count)} or more ${several}` : `${grouped(count)} ${count === 1 ? one : several}`);

/** `9,326`. */
export const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ",");

export const ATTEMPTS = ["attempt", "attempts"] as const;
export const ACTIONS = ["action", "actions"] as const;
export const DELIVERIES = ["delivery", "deliveries"] as const;
export const REQUESTS = ["request", "requests"] as const;
export const ROUTES = ["route", "routes"] as const;
export const WRITES = ["write", "writes"] as const;
