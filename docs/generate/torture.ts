import figures from "../../test/torture/figures.json" with { type: "json" };
import { table } from "../config-tables.ts";

/** Returns the figures of the last long run of `npm run torture`. */
export function tortureTable(): string {
  const { points, traced, schedules, storm, defects } = figures;
  const rows = [
    ["crash points, before and after each statement and commit", points.points],
    ["of these, second crashes", points.secondKills],
    ["real processes killed at such an instant", points.realKills],
    ["histories; group commits in them", `${points.histories}; ${points.commits}`],
    ["openings after a simulated power failure", points.cuts],
    ["group commits traced, each with one fsync; writes in them", `${traced.commits}; ${traced.writes}`],
    ["random schedules of a real process", schedules.schedules],
    [
      "SIGKILL; SIGTERM; SIGSTOP; clock changes",
      [schedules.kills, schedules.terminations, schedules.stops, schedules.clockSteps].join("; "),
    ],
    ["webhooks accepted", schedules.accepted],
    ["calls of targets; broken ones", `${schedules.calls}; ${schedules.brokenCalls}`],
    ["lost; doubled", `${schedules.lost}; ${schedules.doubled}`],
    ["repeats under one key", schedules.repeats],
    ["versions of pages by the bridge; edits of people", `${schedules.pageVersions}; ${schedules.personsEdits}`],
    ["storm of one minute", storm],
    ["known defects seeded; found", `${defects.seeded}; ${defects.found}`],
  ];
  return table(
    ["what", "number"],
    rows.map((row) => row.map(String)),
  );
}
