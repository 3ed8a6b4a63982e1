import { randomUUID } from "node:crypto";
import { neededText } from "../approvals/needed-approval.ts";
import { Fault } from "../host/fault.ts";
import { get, post } from "./bridge-client.ts";
import { type Invocation, usageFault } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { printFound } from "./output.ts";
import { type PromotableRun, type PromotionPreview, promotionPreview, replayed } from "./responses.ts";
import { type Session, sessionOf } from "./session.ts";
import { printable, table } from "./terminal-text.ts";

/**
 * `drawbridge promote <route>`: reads what a promotion would fire, and fires exactly that. With `--run` it reads nothing
 * before: the bridge compares.
 */
export async function promoteCommand(invocation: Invocation): Promise<number> {
  const { positionals, options, given } = invocation;
  const [route = ""] = positionals;
  const { from, to, reason, key = randomUUID() } = options;
  if (from === undefined || to === undefined) throw usageFault("promote needs --from and --to: two environments");
  const place = { route, from, to };
  const session = await sessionOf(invocation);
  if (given.has("dry-run")) {
    const preview = await previewOf(session, place, options.key);
    printFound(invocation, {
      whole: preview,
      records: [preview],
      text: ({ columns }) => previewText(preview, columns),
    });
    return isPossible(preview, invocation) ? EXIT.done : EXIT.refused;
  }
  const run = options["run"] ?? (await confirmedRun(invocation, session, place));
  if (run === undefined) return EXIT.refused;
  const body = { ...place, run, ...(reason !== undefined && { reason }) };
  const found = { ...(await send(invocation, session, { body, key })), key };
  printFound(invocation, {
    whole: found,
    records: [found],
    text: () =>
      printable(
        `${found.replayOf} ${found.status === "duplicate" ? "was promoted before" : "is promoted"} to ${to} as ${found.delivery}`,
      ),
  });
  return EXIT.done;
}

interface Place {
  readonly route: string;
  readonly from: string;
  readonly to: string;
}

/** `key`: a given one, with which it may have been promoted before. */
const previewOf = (session: Session, place: Place, key: string | undefined): Promise<PromotionPreview> =>
  get(session, `/v1/promotions?${new URLSearchParams({ ...place, ...(key && { key }) })}`, promotionPreview);

/** Says why a promotion would be refused, if it would. */
function isPossible({ problem }: PromotionPreview, { warn }: Pick<Invocation, "warn">): boolean {
  if (problem !== undefined) warn(printable(`the promotion would be refused: ${problem.title} (${problem.reason})`));
  return problem === undefined;
}

/**
 * The run to promote. A terminal shows it, and asks. Without a terminal nobody is asked, and nobody is either if the key has
 * promoted a run before: it fires nothing again, whatever has changed since.
 */
async function confirmedRun(invocation: Invocation, session: Session, place: Place): Promise<string | undefined> {
  const { openTerminal, warn, columns, options } = invocation;
  const preview = await previewOf(session, place, options["key"]);
  if (preview.placed !== undefined) return preview.placed.replayOf;
  if (!isPossible(preview, invocation)) return undefined;
  if (openTerminal === undefined) return preview.run?.delivery;
  warn(previewText(preview, columns));
  const terminal = openTerminal();
  try {
    const answer = await terminal.ask(`Promote ${place.route} to ${place.to}? [y/N] `);
    return /^y(es)?$/i.test(answer.trim()) ? preview.run?.delivery : undefined;
  } finally {
    terminal.close();
  }
}

interface Sent {
  readonly body: { readonly run: string };
  readonly key: string;
}

async function send({ warn }: Invocation, session: Session, { body, key }: Sent) {
  try {
    return await post(session, "/v1/promotions", replayed, { body, headers: { "idempotency-key": key } });
  } catch (error) {
    // It may have been recorded. With its key and its run it never is twice.
    if (error instanceof Fault && error.code === "target_unreachable")
      warn(`to promote it again safely: --key ${key} --run ${body.run}`);
    throw error;
  }
}

function previewText(preview: PromotionPreview, columns?: number): string {
  const { from, to, run, newest, good, behind, approval, placed, problem } = preview;
  const wouldPass = problem === undefined;
  if (placed !== undefined)
    return printable(`${placed.replayOf} was promoted with this key before to ${to} as ${placed.delivery}`);
  const rows = [
    ...(run ? [row(from, wouldPass ? "would be promoted" : "last good run", run)] : []),
    ...(newest ? [row(to, wouldPass ? "would be replaced" : "newest run", newest)] : []),
    ...(good ? [row(to, "last good run", good)] : []),
  ];
  const runs = table(["environment", "promotion", "state", "fired", "reference", "digest", "delivery", "what"], rows, {
    columns,
  });
  return [
    ...(rows.length > 0 ? [runs] : []),
    ...(behind === undefined ? [] : [printable(`${behind}.`)]),
    ...(approval === undefined || !wouldPass ? [] : [`It would need an approval ${neededText(approval)}.`]),
  ].join("\n");
}

function row(environment: string, does: string, run: PromotableRun): readonly string[] {
  const { state, firedAt, reference = "", digest = "", delivery, commits = [], title, subject, what = "" } = run;
  const cause = commits.find(({ id }) => id === reference)?.title ?? title ?? subject ?? what;
  return [environment, does, state, firedAt, reference, digest, delivery, cause];
}
