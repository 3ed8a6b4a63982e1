import { credentialIn } from "./url-credentials.ts";

/**
 * The kind of the first credential that a text contains, for its author; undefined if none is recognized. Never its
 * value. A secret without a known form, such as a password in a sentence, cannot be recognized.
 */
export function secretIn(text: string): string | undefined {
  const inUrl = credentialIn(text);
  if (inUrl !== undefined) return `a URL with a credential (${inUrl})`;
  return KINDS.find(([, form]) => form.test(text))?.[0];
}

/**
 * Forms that their issuers document. A token may stand inside a longer word, so no form asks for a word's end. A text may
 * be a whole body, of somebody's choice: each form reads a character only a few times, however often its beginning repeats.
 */
const KINDS: readonly (readonly [kind: string, form: RegExp])[] = [
  ["a private key", /-----BEGIN [A-Z ]*PRIVATE KEY/],
  // From the first point, in both directions: the parts between points do not overlap.
  ["a JSON Web Token", /\.(?<=eyJ[\w-]{8,}\.)[\w-]{8,}\./],
  // https://docs.gitlab.com/security/tokens/#token-prefixes
  ["a GitLab token", /gl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|wt|soat|ffct)-[\w-]{16,}/],
  // https://docs.github.com/en/authentication (About authentication to GitHub, GitHub's token formats)
  ["a GitHub token", /(?:gh[pousr]_\w{20,}|github_pat_\w{20,})/],
  ["a Buildkite token", /bk(?:ua|ct|aj|t)_[\w-]{16,}/],
  ["an Atlassian token", /AT(?:ATT|CTT|BB|OA)[\w=-]{16,}/],
  ["an AWS access key", /(?:AKIA|ASIA)[A-Z\d]{16}/],
  ["a signing secret", /whsec_[\w+/=-]{16,}/],
  ["a Slack token", /(?:xox[a-z]|xapp)-[\w-]{10,}/],
  ["a Google key", /AIza[\w-]{30,}/],
  [
    "a key of a model's interface",
    /(?:sk-(?:ant|proj|svcacct)-[\w-]{16,}|(?<![A-Za-z\d])sk-[A-Za-z\d]{20,}|hf_[A-Za-z]{30,})/,
  ],
  ["a payment key", /[rs]k_(?:live|test)_\w{16,}/],
  ["a package registry token", /(?:npm_\w{30,}|pypi-[\w-]{30,}|dckr_pat_[\w-]{20,})/],
  ["a Vault token", /hv[sbr]\.[\w-]{20,}/],
  ["an authorization header", /\b(?:bearer|basic)\s+(?=[\w.~+/=-]*\d)[\w.~+/=-]{16,}/i],
  [
    "a password or token with its name",
    /\b(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key)["']?\s*[=:]\s*["']?[^\s"']{8,}/i,
  ],
];
