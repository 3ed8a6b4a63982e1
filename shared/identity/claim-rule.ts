import * as v from "valibot";
import { nonEmptyText } from "../host/non-empty-text.ts";

const texts = v.pipe(v.array(nonEmptyText), v.minLength(1));
const listOf = (value: string | string[]): readonly string[] => (typeof value === "string" ? [value] : value);
export const oneOrMore = v.pipe(v.union([nonEmptyText, texts]), v.transform(listOf));

/**
 * Where the claim is: one name, or the names on the way to it. A name is never split at a dot, because issuers put dots
 * and slashes into names (`kubernetes.io`, `https://sts.amazonaws.com/`).
 */
const path = oneOrMore;

/** One condition on a verified claim. Where the claim is a list, one member that meets it is enough. */
export const claimRule = v.union([
  /** The exact text, or several of which one must be it. GitLab writes ids and booleans as text too: `"true"`. */
  v.strictObject({ path, equals: oneOrMore }),
  /** What the text begins with. */
  v.strictObject({ path, prefix: oneOrMore }),
  /** `*` stands for any run of characters without `/`, `**` for any at all: `refs/heads/release-*`. */
  v.strictObject({ path, glob: oneOrMore }),
]);
export type ClaimRule = v.InferOutput<typeof claimRule>;
