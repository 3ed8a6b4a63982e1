/**
 * Returns what makes a text unsafe as a value in a TriggerTemplate or a Pipeline; undefined if it arrives there as it is.
 *
 * Tekton has no escape. Triggers writes `$(` as `$$(` since v0.34, which Pipelines still reads as a variable and Kubernetes
 * un-doubles in `env` (https://github.com/tektoncd/pipeline/issues/4931). A `$` at the end is safe alone, and makes a
 * variable of a text that a template writes behind it. A control character does not survive `env` and shells, and half of
 * a surrogate pair does not survive UTF-8.
 */
export const hazardIn = (text: string): string | undefined => HAZARDS.find(([form]) => form.test(text))?.[1];

const HAZARDS: readonly (readonly [form: RegExp, what: string])[] = [
  [/\$\(/, "it contains `$(`"],
  [/\$\$/, "it contains `$$`"],
  [/\$$/, "it ends with `$`"],
  [/\p{Cc}/u, "it contains a control character"],
  [/\p{Cs}/u, "it contains half of a surrogate pair"],
];

/** The text, or an empty one if it is unsafe. */
export const inert = (text: string): string => (hazardIn(text) === undefined ? text : "");

/**
 * Encodes a value as base64url of JSON, whose characters mean nothing to Tekton, Kubernetes or a shell. The JSON ends with
 * blanks that make its length a multiple of three, so that the text is the same with and without padding and every decoder
 * takes it.
 */
export function encodePayload(value: object): string {
  const json = JSON.stringify(value);
  const blanks = (3 - (Buffer.byteLength(json) % 3)) % 3;
  return Buffer.from(json + " ".repeat(blanks), "utf8").toString("base64url");
}
