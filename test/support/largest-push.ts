/** Texts of one character, each of which takes as many bytes as possible in JSON, by a name. */
export const LARGE_CHARACTERS = [
  ["control characters", "\u0001"],
  ["halves of surrogate pairs", "\ud83d"],
  ["ideographs", "変"],
] as const;

/** The members of the largest push that GitLab and GitHub report: more and longer than an event has. */
export function largestPush(character: string) {
  const long = (length: number, prefix = "") => prefix + character.repeat(length);
  const commit = {
    id: "c".repeat(100),
    message: long(5_000),
    url: long(900, "https://git.example.com/"),
    author: { name: long(5_000) },
    added: Array.from({ length: 150 }, (_, n) => long(300, `${n}/`)),
  };
  // The event has each path once, and for each commit the places of its paths.
  const others = Array.from({ length: 19 }, () => commit);
  return { message: long(5_000), commits: [commit, ...others] };
}

/** EventBridge takes 256 KB; the bridge publishes at most 200 KB, with the envelope. */
export const LARGEST_EVENT_BYTES = 190_000;
