import * as v from "valibot";
import { nonEmptyText } from "../host/non-empty-text.ts";

const listOf = (value: string | string[]): readonly string[] => (typeof value === "string" ? [value] : value);

/** A text or a list of texts, read as a list. */
export const oneOrMore = (description: string) =>
  v.pipe(
    v.union([nonEmptyText, v.pipe(v.array(nonEmptyText), v.minLength(1))]),
    v.title("text, or a list of texts"),
    v.description(description),
    v.transform(listOf),
  );

/**
 * The path of the claim: one name, or the names from the root to it. A name is never split at a dot, because issuers
 * use dots and slashes in names (`kubernetes.io`, `https://sts.amazonaws.com/`).
 */
const path = oneOrMore("The name of the claim, or a list of names on the way to it. A dot is part of a name.");

/** One condition on a verified claim. Where the claim is a list, one member that meets it is enough. */
export const claimRule = v.pipe(
  v.union([
    v.strictObject({
      path,
      equals: oneOrMore(
        'The exact text, or a list of texts: one of them must match. Ids and booleans are texts too: `"true"`.',
      ),
    }),
    v.strictObject({ path, prefix: oneOrMore("The start of the text.") }),
    v.strictObject({
      path,
      glob: oneOrMore("`*` matches any characters except `/`, `**` any characters: `refs/heads/release-*`."),
    }),
  ]),
  v.title("claim rule"),
);
export type ClaimRule = v.InferOutput<typeof claimRule>;
