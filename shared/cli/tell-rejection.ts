import { printable } from "./table.ts";

/** A rejection in one line, fit for a terminal: its reason, and its facts in brackets. */
export function rejectionLine({ reason, ...facts }: { readonly reason: string }): string {
  const told = Object.entries(facts).map(([name, fact]) => `${name} ${fact}`);
  return told.length === 0 ? reason : printable(`${reason} (${told.join(", ")})`);
}
