import { get } from "./bridge-client.ts";
import type { Invocation } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { type RunOfRoute, rollbackPreview } from "./responses.ts";
import { sessionOf } from "./session.ts";
import { printable, table } from "./terminal-text.ts";

/** `drawbridge rollback <route> --dry-run`: the runs of the route in each environment, and which one it would go back to. */
export async function printRollbacks(invocation: Invocation, route: string): Promise<number> {
  const { options, print } = invocation;
  const session = await sessionOf(invocation);
  const { places } = await get(session, `/v1/rollbacks?${new URLSearchParams({ route })}`, rollbackPreview);
  const { environment: wanted, to } = options;
  const shown = wanted === undefined ? places : places.filter(({ environment }) => environment === wanted);
  if (shown.length === 0) {
    print(printable(`no run of ${route} is known to have succeeded${wanted === undefined ? "" : ` in ${wanted}`}`));
    return EXIT.done;
  }
  const rows = shown.flatMap(({ environment = "-", newest, good }) => {
    const chosen = to ?? good[0]?.delivery;
    return [
      row(environment, "replaces", newest),
      ...good.map((run) => row(environment, run.delivery === chosen ? "runs again" : "", run)),
    ];
  });
  print(
    table(["environment", "rollback", "state", "fired", "delivery", "what"], rows, { columns: invocation.columns }),
  );
  return EXIT.done;
}

const row = (
  environment: string,
  does: string,
  { state, firedAt, delivery, ...run }: RunOfRoute,
): readonly string[] => [environment, does, state, firedAt, delivery, causeOf(run)];

function causeOf({
  commits = [],
  title,
  subject,
  what,
  problem,
}: Omit<RunOfRoute, "state" | "firedAt" | "delivery">): string {
  const [newest] = commits;
  const cause = newest === undefined ? (title ?? subject ?? what ?? "") : `${newest.id.slice(0, 8)} ${newest.title}`;
  return problem === undefined ? cause : `${cause} (would run nothing: ${problem})`;
}
