import { neededText } from "../approvals/needed-approval.ts";
import { get } from "./bridge-client.ts";
import type { Invocation } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { type RollbackPlace, type RunOfRoute, rollbackPreview } from "./responses.ts";
import { sessionOf } from "./session.ts";
import { shellWord } from "./shell-word.ts";
import { printable, table } from "./terminal-text.ts";

/**
 * `drawbridge rollback <route> --dry-run`: the runs of the route in each environment, and which one it would go back to. The
 * exit code is that of the rollback, and not 0 if that would run nothing.
 */
export async function printRollbacks(invocation: Invocation, route: string): Promise<number> {
  const { options, print, warn } = invocation;
  const session = await sessionOf(invocation);
  const { places } = await get(session, `/v1/rollbacks?${new URLSearchParams({ route })}`, rollbackPreview);
  const { environment: wanted, to } = options;
  const ofWanted = places.find(({ environment }) => environment === wanted);
  // Without an environment, the others are shown too: they say which one to name.
  const shown = wanted === undefined ? places : places.filter((place) => place === ofWanted);
  const targetOf = (place: RollbackPlace): RunOfRoute | undefined =>
    to === undefined ? place.good[0] : goodIn(place, places).find(({ delivery }) => delivery === to);
  const rows = shown.flatMap((place) => {
    const { environment = "", newest, good } = place;
    const target = targetOf(place);
    const effect = place === ofWanted ? "runs again" : `needs --environment=${shellWord(environment)}`;
    return [
      row(environment, newest === target ? `replaces, ${effect}` : "replaces", newest),
      ...good.map((run) => row(environment, run === target ? effect : "", run)),
    ];
  });
  if (rows.length > 0)
    print(
      table(["environment", "rollback", "state", "fired", "reference", "delivery", "what"], rows, {
        columns: invocation.columns,
      }),
    );
  const chosen = ofWanted && targetOf(ofWanted);
  if (chosen?.problem !== undefined) {
    warn(printable(`the rollback to ${chosen.delivery} would run nothing: ${chosen.problem}`));
    return EXIT.refused;
  }
  if (chosen?.approval !== undefined)
    print(printable(`The rollback to ${chosen.delivery} needs an approval ${neededText(chosen.approval)}.`));
  if (chosen !== undefined) return EXIT.done;
  const run = to === undefined ? `no earlier run of ${route}` : `no run of ${route} that ${to} fired`;
  const where = wanted === undefined ? "without an environment" : `in ${wanted}`;
  const others = places.flatMap(({ environment }) => (environment === undefined ? [] : [environment]));
  const elsewhere = others.length === 0 || ofWanted !== undefined ? "" : `; good runs are in ${others.join(", ")}`;
  warn(printable(`the rollback would be refused: ${run} is known to have succeeded ${where}${elsewhere}`));
  return EXIT.refused;
}

/** What `--to` may name: also the newest run, unless it succeeded without an environment and the place has one. */
function goodIn({ environment, newest, good }: RollbackPlace, places: readonly RollbackPlace[]): readonly RunOfRoute[] {
  const without = places.find((place) => place.environment === undefined);
  const isElsewhere =
    environment !== undefined &&
    without !== undefined &&
    [without.newest, ...without.good].some(({ delivery }) => delivery === newest.delivery);
  return newest.state === "succeeded" && !isElsewhere ? [newest, ...good] : good;
}

/** No environment is an empty cell: every text may be the name of one. */
const row = (environment: string, does: string, run: RunOfRoute): readonly string[] => {
  const { state, firedAt, reference = "", delivery } = run;
  return [environment, does, state, firedAt, reference, delivery, causeOf(run)];
};

/** The newest commit of a push is not always the one that ran. */
function causeOf({ commits = [], reference, tag, title, subject, what, problem }: RunOfRoute): string {
  const cause = commits.find(({ id }) => id === reference)?.title ?? title ?? subject ?? what ?? "";
  const named = tag === undefined ? cause : `tag ${tag}: ${cause}`;
  return problem === undefined ? named : `${named} (would run nothing: ${problem})`.trimStart();
}
