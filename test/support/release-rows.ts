import type { BoardRow, ReleaseDecision, ShownBuild } from "../../shared/model/board.ts";
import type { BuildState } from "../../shared/model/event.ts";

/** Titles, people and comments as they occur. */
const TITLES = [
  "Fix the search by label",
  "Bump the base image to 2026-10 and rebuild all layers on top of it",
  "Typo",
] as const;
const PEOPLE = ["Ines Okafor", "Robin Example", "Kim van der Berg-Oosterhuis"] as const;
const ENVIRONMENTS = ["production", "staging"] as const;
const hash = (index: number): string => (0x6c1f0de2 + index * 7919).toString(16).padStart(8, "0").padEnd(40, "a94b73");
const pick = <T>(values: readonly [T, ...T[]], index: number): T => values[index % values.length] ?? values[0];

/** A deployment and what was decided about it. `index`: a later one has a higher number. */
export function releaseAt(index: number, changes: Partial<ShownBuild> = {}): readonly BoardRow[] {
  const states: readonly [BuildState, ...BuildState[]] = ["succeeded", "succeeded", "succeeded", "failed", "succeeded"];
  const state = index === 0 ? "running" : pick(states, index);
  const minute = String(59 - (index % 60)).padStart(2, "0");
  const hour = String(22 - Math.floor(index / 60)).padStart(2, "0");
  const url = "https://gitlab.example.test/platform/docs";
  const cause = `cause d-${index}`;
  const build: ShownBuild = {
    system: "gitlab",
    id: String(20_500 - index),
    number: 20_500 - index,
    pipeline: "platform/docs",
    environment: pick(ENVIRONMENTS, index),
    state,
    url: `${url}/-/jobs/${880_000 - index}`,
    commit: hash(index),
    commitUrl: `${url}/-/commit/${hash(index)}`,
    title: pick(TITLES, index),
    startedAt: `2026-11-02T${hour}:${minute}:10.000Z`,
    reportedAt: `2026-11-02T${hour}:${minute}:51.000Z`,
    ...(state !== "running" && { finishedAt: `2026-11-02T${hour}:${minute}:51.000Z` }),
    starter: { identity: "platform-gitlab", name: pick(PEOPLE, index) },
    release: {
      kind: "deployment",
      names: [cause],
      commitCount: 1 + (index % 4),
      commits: TITLES.slice(0, 1 + (index % 3)).map((title, at) => ({ id: hash(index + at), title })),
      diffUrl: `${url}/-/compare/${hash(index + 1)}...${hash(index)}`,
    },
    ...changes,
  };
  const decision = (by: ReleaseDecision["by"], comment?: string): BoardRow => {
    const release: ReleaseDecision = {
      kind: "decision",
      about: cause,
      isGranted: true,
      by,
      route: "docs-deploy",
      ...(comment !== undefined && { comment }),
    };
    const key = `/sources/approvals decision ${index} ${by.identity}`;
    return {
      key,
      delivery: "d-1",
      build: { system: "drawbridge", id: key, pipeline: "r", state: "succeeded", release },
    };
  };
  const decisions =
    index % 2 === 0
      ? [decision({ identity: "anna of login.example.com" }, "Checked on staging, rollback is rehearsed.")]
      : [];
  return [
    { key: `/sources/gitlab gitlab platform/docs to x release ${build.id}`, build, delivery: "d-1" },
    ...decisions,
  ];
}

/** The rows of so many deployments. */
export const releasesOf = (count: number): readonly BoardRow[] =>
  Array.from({ length: count }, (_, index) => releaseAt(index)).flat();
