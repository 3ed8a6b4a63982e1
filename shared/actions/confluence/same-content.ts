import { resolveReferences } from "./storage-text.ts";
import { type Attribute, type Token, tokenize } from "./storage-tokens.ts";

/**
 * Whether two pieces of storage format say the same, though Confluence may have rewritten one of them: on saving it adds
 * ids and schema versions to elements, resolves or renames references, and writes empty elements its own way. Anything
 * else that differs is a difference, so a change by a person is seen. Malformed text is the same as nothing.
 */
export function sameContent(one: string, other: string): boolean {
  if (one === other) return true;
  const [first, second] = [canonical(one), canonical(other)];
  return first !== undefined && first === second;
}

/** Written as JSON, so that no text can pass for a tag. */
function canonical(storage: string): string | undefined {
  const tokens = tokenize(storage);
  if ("malformed" in tokens) return undefined;
  return JSON.stringify(tokens.flatMap((token) => canonicalToken(token, storage)));
}

function canonicalToken({ kind, name, attributes, start, end }: Token, storage: string): readonly unknown[] {
  if (kind === "text") return [resolveReferences(storage.slice(start, end))];
  if (kind === "cdata" || kind === "comment") return [[kind, storage.slice(start, end)]];
  if (kind === "close") return [["close", name]];
  const opening = ["open", name, ...canonicalAttributes(attributes)];
  return kind === "empty" ? [opening, ["close", name]] : [opening];
}

function canonicalAttributes(attributes: readonly Attribute[]): readonly string[] {
  return attributes
    .filter(({ name }) => !ADDED_BY_CONFLUENCE.has(name))
    .map(({ name, value }) => `${name}=${resolveReferences(value)}`)
    .sort();
}

const ADDED_BY_CONFLUENCE: ReadonlySet<string> = new Set([
  "ac:schema-version",
  "ac:macro-id",
  "ac:local-id",
  "local-id",
  "ri:version-at-save",
]);
