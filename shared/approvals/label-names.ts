/** Labels that people give a page to decide something; a rollback's goes on with a dash and the route. */
export const LABELS = {
  grant: "drawbridge-approve",
  deny: "drawbridge-deny",
  rollback: "drawbridge-rollback",
} as const;
