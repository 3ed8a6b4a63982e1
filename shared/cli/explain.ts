import { refusalText, seenText } from "../http/refusal-text.ts";
import { get } from "./bridge-client.ts";
import type { Invocation } from "./command.ts";
import { deliveriesText } from "./events.ts";
import { EXIT } from "./exit-codes.ts";
import { type Display, displayOf, printFound, timeText } from "./output.ts";
import { withProgram } from "./program.ts";
import {
  type ExplainedStep,
  explainedDelivery,
  type ListedRefusals,
  listedDeliveries,
  listedRefusals,
  type NextCheck,
  type ShownDelivery,
  type ShownExplanation,
} from "./responses.ts";
import { type Session, sessionOf } from "./session.ts";
import { printable, wrapped } from "./terminal-text.ts";

/** `drawbridge explain <what>`: why a delivery fired what it did, or nothing. */
export async function explainCommand(invocation: Invocation): Promise<number> {
  const {
    positionals: [what = ""],
    given,
    program,
  } = invocation;
  const session = await sessionOf(invocation);
  if (REQUEST_ID.test(what)) return explainRequest(session, what, invocation);
  if (SOURCE_NAME.test(what)) {
    const { refusals, sources, from } = await get(session, "/v1/refusals", listedRefusals);
    const [seen] = sources.filter(({ source }) => source === what);
    if (seen !== undefined)
      return explainSource(
        { refusals: refusals.filter(({ source }) => source === what), sources: [seen], from },
        invocation,
      );
  }
  const found = isDeliveryId(what) ? [what] : await deliveriesWith(session, what, invocation);
  const [id] = found;
  if (id === undefined || found.length > 1) return EXIT.refused;
  const path = `/v1/deliveries/${encodeURIComponent(id)}?explain=true`;
  const { explanation, ...shown } = await get(session, path, explainedDelivery);
  printFound(invocation, {
    whole: explanation,
    records: explanation.routes,
    text: ({ columns }) => explanationText(shown, explanation, { all: given.has("all"), columns, program }),
  });
  return EXIT.done;
}

const REQUEST_ID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;
const SOURCE_NAME = /^[a-z][a-z0-9-]*$/;

/** Why a request was refused that has no record of its own. */
async function explainRequest(session: Session, id: string, invocation: Invocation): Promise<number> {
  const refused = await get(session, `/v1/refusals?request=${id.toLowerCase()}`, listedRefusals);
  const [found] = refused.refusals;
  const none = `No refused request has this id. Of each source and reason, the newest five of five minutes are kept, back to ${refused.from}. The log has every request.`;
  printFound(invocation, {
    whole: refused,
    records: refused.refusals,
    text: (display) => {
      if (found === undefined) return wrapped(none, display.columns ?? Number.POSITIVE_INFINITY).join("\n");
      return fitting([`✕ Refused: ${found.reason}. ${found.hint ?? ""}.`, ...sourceLines(refused, display)], display);
    },
  });
  return found === undefined ? EXIT.refused : EXIT.done;
}

/** When a source was last proved, and what was refused since. */
function explainSource(refused: ListedRefusals, invocation: Invocation): number {
  printFound(invocation, {
    whole: refused,
    records: refused.refusals,
    text: (display) => {
      const [seen] = refused.sources;
      const good = seen === undefined ? "" : seenText(seen, (iso) => timeText(iso, display));
      const hints = new Set(refused.refusals.map(({ reason, hint = "" }) => `${reason}: ${hint}.`));
      const lines =
        refused.refusals.length === 0
          ? ["– No request of the last day was refused for want of a proof."]
          : [...sourceLines(refused, display), ...hints];
      const checks = checkLines(sourceChecks(refused), invocation.program).map((line) =>
        shownLine(line, display.columns),
      );
      return [fitting([`source ${seen?.source}: ${good}`, ...lines], display), ...checks].join("\n");
    },
  });
  return EXIT.done;
}

/** The lines, each wrapped for the terminal below where its own text begins. */
const fitting = (lines: readonly string[], { columns }: Display): string =>
  lines
    .map((line) => {
      const [indent = ""] = /^[✕–]? */.exec(line) ?? [];
      return shownLine({ indent, text: line.slice(indent.length) }, columns);
    })
    .join("\n");

const sourceLines = ({ refusals, sources }: ListedRefusals, display: Display): readonly string[] =>
  refusals.flatMap((one) => [
    `✕ ${refusalText(one, sources, (iso) => timeText(iso, display))}`,
    `  newest requests: ${one.requests.join(", ")}`,
  ]);

/** A sender that signs has no token to explain. */
function sourceChecks({ refusals }: ListedRefusals): readonly NextCheck[] {
  const secrets = { text: "See which secret each sender uses", command: "drawbridge secrets" };
  const token = {
    text: "See why a token is refused, claim by claim",
    command: "drawbridge token explain --file token.txt",
  };
  return refusals.some(({ reason }) => ABOUT_TOKENS.test(reason)) ? [secrets, token] : [secrets];
}

const ABOUT_TOKENS = /^(token|issuer|algorithm|key|audience|claim|tenant|groups|proof)_/;

const isDeliveryId = (what: string): boolean => /^d-[a-z2-7]{26}$/.test(what);

/** The ids of the deliveries with a text. Prints them if they are several, and says so if there is none. */
async function deliveriesWith(session: Session, text: string, invocation: Invocation): Promise<readonly string[]> {
  const { print } = invocation;
  const list = (by: "find" | "text") =>
    get(
      session,
      `/v1/deliveries?${new URLSearchParams({ [by]: text, limit: String(MAX_CANDIDATES) })}`,
      listedDeliveries,
    );
  const found = await list("find");
  const { deliveries, next } = found.deliveries.length > 0 ? found : await list("text");
  if (deliveries.length === 1 && next === undefined) return deliveries.map(({ id }) => id);
  if (deliveries.length === 0) print(printable(`no delivery has "${text}"`));
  else {
    print("Several deliveries have it. Explain one of them by its id:");
    print(deliveriesText(deliveries, { isAudit: false, ...displayOf(invocation) }));
  }
  return [];
}

const MAX_CANDIDATES = 10;

interface Shape {
  readonly all: boolean;
  /** Width of the terminal, if it is one. */
  readonly columns: number | undefined;
  /** What the commands begin with. */
  readonly program: string;
}

function explanationText(
  { delivery }: Pick<ShownDelivery, "delivery">,
  { answer, mark, steps, routes, otherRoutes, followed, checks }: ShownExplanation,
  { all, columns, program }: Shape,
): string {
  const missed = routes.filter(({ matched }) => !matched);
  const shown = [...routes.filter(({ matched }) => matched), ...(all ? missed : missed.slice(0, MAX_MISSED))];
  const hidden = routes.length - shown.length;
  const blocks = [
    [
      { indent: "", text: `${delivery.what} ${delivery.subject ?? ""} (${delivery.id})` },
      stepLine({ mark, text: answer }),
    ],
    steps.map((step) => stepLine(step)),
    ...shown.map((route) => routeLines(route, program)),
    [
      ...(hidden > 0 ? [{ indent: "", text: `Further routes: ${hidden}. See them with --all.` }] : []),
      ...(otherRoutes > 0 ? [{ indent: "", text: `Routes that are not shown: ${otherRoutes}.` }] : []),
      ...(followed.length > 0 ? [{ indent: "", text: `Traced back to it: ${followed.join(", ")}` }] : []),
    ],
    checkLines(checks, program),
  ];
  return blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.map((line) => shownLine(line, columns)).join("\n"))
    .join("\n\n");
}

const MAX_MISSED = 3;

interface Line {
  /** What stands before the text. The lines that follow a wrapped line have as many blanks. */
  readonly indent: string;
  readonly text: string;
  /** A command stays in one line, so that it can be copied. */
  readonly isCommand?: true;
}

const shownLine = ({ indent, text, isCommand }: Line, columns = Number.POSITIVE_INFINITY): string =>
  isCommand
    ? `${indent}${printable(text)}`
    : indent + wrapped(printable(text), columns - indent.length).join(`\n${" ".repeat(indent.length)}`);

const routeLines = (
  { route, event, target, steps, checks }: ShownExplanation["routes"][number],
  program: string,
): readonly Line[] => [
  {
    indent: "",
    text: `route ${route}${target === undefined ? "" : ` to ${target}`}${event === undefined ? "" : ` (event ${event})`}`,
  },
  ...steps.map((step) => stepLine(step, "  ")),
  ...checkLines(checks, program),
];

const checkLines = (checks: readonly NextCheck[], program: string): readonly Line[] =>
  checks.flatMap(({ text, command }): readonly Line[] => [
    { indent: "  ", text: `${text}:` },
    { indent: "      ", text: withProgram(command, program), isCommand: true },
  ]);

const stepLine = ({ mark, text }: ExplainedStep, before = ""): Line => ({ indent: `${before}${SIGNS[mark]} `, text });

/** As in the console. */
const SIGNS = { good: "✓", bad: "✕", warn: "!", busy: "●", quiet: "–" } as const;
