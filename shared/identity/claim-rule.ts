import * as v from "valibot";
import { nonEmptyText } from "../host/non-empty-text.ts";

const texts = v.pipe(v.array(nonEmptyText), v.minLength(1));
const listOf = (value: string | string[]): readonly string[] => (typeof value === "string" ? [value] : value);
export const oneOrMore = v.pipe(v.union([nonEmptyText, texts]), v.transform(listOf));

/**
 * The path of the claim: one name, or the names from the root to it. A name is never split at a dot, because issuers
 * use dots and slashes in names (`kubernetes.io`, `https://sts.amazonaws.com/`).
 */
const path = oneOrMore;

/** One condition on a verified claim. If the claim is a list, one member that meets it is enough. */
export const claimRule = v.union([
  /** The exact text, or several alternatives. GitLab writes ids and booleans as text too: `"true"`. */
  v.strictObject({ path, equals: oneOrMore }),
  /** The text must start with this. */
  v.strictObject({ path, prefix: oneOrMore }),
  /** `*` matches any characters except `/`, `**` matches any characters: `refs/heads/release-*`. */
  v.strictObject({ path, glob: oneOrMore }),
]);
export type ClaimRule = v.InferOutput<typeof claimRule>;
