import { isUnknownAddress, KNOWN_ADDRESSES } from "../http/lookup.ts";
import { refusalText, seenText } from "../http/refusal-text.ts";
import { DELIVERY_STATES, needsAttention } from "../model/delivery-state.ts";
import { symbolOf } from "../model/state-words.ts";
import { get } from "./bridge-client.ts";
import { type Invocation, usageFault } from "./command.ts";
import { deliveriesText } from "./events.ts";
import { EXIT } from "./exit-codes.ts";
import { type Display, displayOf, formatOf, printFound, timeText, withTimes } from "./output.ts";
import { withProgram } from "./program.ts";
import {
  type ExplainedStep,
  explainedDelivery,
  type ListedDeliveries,
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
  const [what = ""] = invocation.positionals;
  const session = await sessionOf(invocation);
  // Such an id may also be one of a run, or go with a request from system to system.
  const refused = REQUEST_ID.test(what)
    ? await get(session, `/v1/refusals?request=${what.toLowerCase()}`, listedRefusals)
    : undefined;
  if (refused !== undefined && refused.refusals.length > 0) return explainRequest(refused, invocation);
  if (SOURCE_NAME.test(what)) {
    const { refusals, sources, from } = await get(session, "/v1/refusals", listedRefusals);
    const [seen] = sources.filter(({ source }) => source === what);
    if (seen !== undefined) {
      const query = new URLSearchParams({ source: what, outcome: "refused", since: from, limit: String(MAX_RECORDED) });
      const { deliveries } = await get(session, `/v1/deliveries?${query}`, listedDeliveries);
      const counted = refusals.filter(({ source }) => source === what);
      return explainSource({ refusals: counted, sources: [seen], from, deliveries }, invocation);
    }
  }
  if (isDeliveryId(what)) return explainDelivery(session, { id: what, isRepeated: false, others: [] }, invocation);
  if (isUnknownAddress(what)) throw usageFault(`this address cannot be looked up. These can: those ${KNOWN_ADDRESSES}`);
  const { deliveries: found, lookedBackTo, next, repeatOf } = await deliveriesWith(session, what);
  const explained =
    found.find(needsLook) ?? found.find(({ state }) => state !== "ignored" && state !== "repeat") ?? found[0];
  if (explained === undefined && refused !== undefined) return explainRequest(refused, invocation);
  if (explained === undefined) {
    const isCut = next !== undefined && lookedBackTo !== undefined;
    const reach = isCut ? ` since ${timeText(lookedBackTo, displayOf(invocation))}; older ones were not looked at` : "";
    invocation.print(printable(`no delivery has "${what}"${reach}`));
    return EXIT.refused;
  }
  const others = found.filter((one) => one !== explained);
  return explainDelivery(session, { id: explained.id, isRepeated: explained.id === repeatOf, others }, invocation);
}

interface Explained {
  readonly id: string;
  /** What was looked up is a later request, of which there is no record. */
  readonly isRepeated: boolean;
  /** Deliveries that have the same text. */
  readonly others: readonly ListedDelivery[];
}

async function explainDelivery(
  session: Session,
  { id, isRepeated, others }: Explained,
  invocation: Invocation,
): Promise<number> {
  const path = `/v1/deliveries/${encodeURIComponent(id)}?explain=true`;
  const { explanation, ...shown } = await get(session, path, explainedDelivery);
  const all = invocation.given.has("all");
  const isTable = formatOf(invocation) === "table";
  if (others.length > 0 && !isTable) invocation.warn(`${others.length + 1} deliveries have it; this explains ${id}`);
  const repeats = `The request repeats that of ${shown.delivery.receivedAt}, which is explained here: similar refusals within ten minutes have one record.`;
  if (isRepeated && !isTable) invocation.warn(repeats);
  printFound(invocation, {
    whole: explanation,
    records: explanation.routes,
    text: (display) =>
      [
        ...(isRepeated ? [shownLine({ indent: "", text: repeats }, display)] : []),
        explanationText(shown, explanation, { all, display, program: invocation.program }),
        ...(others.length === 0 ? [] : [OTHERS, deliveriesText([...others], { isAudit: false, ...display })]),
      ].join("\n\n"),
  });
  return EXIT.done;
}

const OTHERS = "Other deliveries have it too. Explain one of them by its id:";

/** The state needs a person, or its run is silent. */
const needsLook = ({ state, noReportSince }: ListedDelivery): boolean =>
  noReportSince !== undefined || DELIVERY_STATES.some((one) => one === state && needsAttention(one));

type ListedDelivery = ListedDeliveries["deliveries"][number];

const REQUEST_ID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;
const SOURCE_NAME = /^[a-z][a-z0-9-]*$/;

/** Why a request was refused that has no record of its own. */
function explainRequest(refused: ListedRefusals, invocation: Invocation): number {
  const [found] = refused.refusals;
  const none = refused.isConfined
    ? "No delivery that your role may show has this id. If it is one of a refused request, your role may not show it, because it is confined."
    : `No refused request has this id. Of each source and reason, the newest five of five minutes are kept, back to ${refused.from}. The log has every request.`;
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

interface RefusedOfSource extends ListedRefusals {
  /** The newest refused requests with a record: their token had a valid signature. */
  readonly deliveries: readonly ListedDelivery[];
}

const MAX_RECORDED = 5;

/** When a source was last proved, and what was refused since. */
function explainSource(refused: RefusedOfSource, invocation: Invocation): number {
  printFound(invocation, {
    whole: refused,
    records: [...refused.refusals, ...refused.deliveries],
    text: (display) => {
      const [seen] = refused.sources;
      const good = seen === undefined ? "" : seenText(seen, (iso) => timeText(iso, display));
      const hints = new Set(refused.refusals.map(({ reason, hint = "" }) => `${reason}: ${hint}.`));
      const recorded = refused.deliveries.map(
        ({ what, principal, receivedAt, id }) =>
          `✕ ${what} of ${principal.subject} at ${timeText(receivedAt, display)}, recorded as ${id}`,
      );
      const lines =
        refused.refusals.length + recorded.length === 0
          ? ["– No request of the last day was refused."]
          : [...sourceLines(refused, display), ...hints, ...recorded];
      const checks = checkLines(sourceChecks(refused), invocation.program).map((line) => shownLine(line, display));
      return [fitting([`source ${seen?.source}: ${good}`, ...lines], display), ...checks].join("\n");
    },
  });
  return EXIT.done;
}

/** The lines, each wrapped for the terminal below where its own text begins. */
const fitting = (lines: readonly string[], display: Display): string =>
  lines
    .map((line) => {
      const [indent = ""] = /^[✕–]? */.exec(line) ?? [];
      return shownLine({ indent, text: line.slice(indent.length) }, display);
    })
    .join("\n");

const sourceLines = ({ refusals, sources }: ListedRefusals, display: Display): readonly string[] =>
  refusals.flatMap((one) => [
    `✕ ${refusalText(one, sources, (iso) => timeText(iso, display))}`,
    `  newest requests: ${one.requests.join(", ")}`,
  ]);

/** A sender that signs has no token to explain. */
function sourceChecks({ refusals, deliveries: [recorded] }: RefusedOfSource): readonly NextCheck[] {
  const secrets = { text: "See which secret each sender uses", command: "drawbridge secrets" };
  const token = {
    text: "See why a token is refused, claim by claim",
    command: "drawbridge token explain --file token.txt",
  };
  const first =
    recorded === undefined
      ? []
      : [{ text: "See what was wrong with it", command: `drawbridge explain ${recorded.id}` }];
  const isAboutToken =
    recorded?.principal.trustEntry !== undefined || refusals.some(({ reason }) => ABOUT_TOKENS.test(reason));
  return [...first, secrets, ...(isAboutToken ? [token] : [])];
}

const ABOUT_TOKENS = /^(token|issuer|algorithm|key|audience|claim|tenant|groups|proof)_/;

const isDeliveryId = (what: string): boolean => /^d-[a-z2-7]{26}$/.test(what);

/** The newest deliveries with a text. A page that ended before it found one is followed by the next. */
async function deliveriesWith(session: Session, text: string): Promise<ListedDeliveries> {
  const list = async (by: "find" | "text"): Promise<ListedDeliveries> => {
    const query = new URLSearchParams({ [by]: text, limit: String(MAX_CANDIDATES) });
    for (let page = 1; ; page += 1) {
      const listed = await get(session, `/v1/deliveries?${query}`, listedDeliveries);
      if (listed.deliveries.length > 0 || listed.next === undefined || page === MAX_PAGES) return listed;
      query.set("cursor", listed.next);
    }
  };
  const found = await list("find");
  // What may still be found by its name is not searched for in every text.
  return found.deliveries.length > 0 || found.next !== undefined ? found : list("text");
}

const MAX_CANDIDATES = 10;
/** Each is looked for during two seconds at most. */
const MAX_PAGES = 10;

interface Shape {
  readonly all: boolean;
  readonly display: Display;
  /** What the commands begin with. */
  readonly program: string;
}

function explanationText(
  { delivery }: Pick<ShownDelivery, "delivery">,
  { answer, mark, steps, routes, otherRoutes, followed, checks }: ShownExplanation,
  { all, display, program }: Shape,
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
    .map((lines) => lines.map((line) => shownLine(line, display)).join("\n"))
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

function shownLine({ indent, text, isCommand }: Line, display: Display): string {
  if (isCommand) return `${indent}${printable(text)}`;
  const { columns = Number.POSITIVE_INFINITY } = display;
  const lines = wrapped(printable(withTimes(text, display)), columns - indent.length);
  return indent + lines.join(`\n${" ".repeat(indent.length)}`);
}

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

const stepLine = ({ mark, text }: ExplainedStep, before = ""): Line => ({
  indent: `${before}${symbolOf(mark)} `,
  text,
});

/** As in the console. */
