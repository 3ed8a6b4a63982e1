import { type AlertRule, holds, type Scrape } from "./alerts.ts";
import type { Answer, DrillSite } from "./drill-site.ts";

/** Something is broken on purpose, and each side has to show it. */
export interface Drill {
  readonly name: string;
  /** What is broken. */
  readonly broken: string;
  /** Breaks it, and resolves with what the caller got when all that follows has happened. */
  readonly run: (site: DrillSite) => Promise<Answer>;
  readonly expected: Expected;
  /** Ends what is broken, and resolves when the bridge has recovered. Undefined: nothing has to. */
  readonly repair?: (site: DrillSite) => Promise<unknown>;
}

interface Expected {
  readonly status: number;
  /** Words of the answer's body. */
  readonly answer: string;
  /** A page of the console, in which `{delivery}` is that of the answer, and words of it. */
  readonly console: { readonly path: string; readonly words: string };
  /** Names of the alerts that hold afterwards and did not before, in the order of `alerts.yaml`. */
  readonly alerts: readonly string[];
  /** Words of the wiki page that are new; undefined: the page has to stay as it is. */
  readonly page?: string;
  /** Runs that are started in all, the repair included. */
  readonly runs: number;
}

/** What one side showed. */
export interface Finding {
  readonly side: "caller" | "console" | "alerts" | "page" | "runs" | "recovery";
  readonly saw: string;
  /** Undefined if it is what was expected. */
  readonly wanted?: string;
}

/** Runs one drill and judges it. A step that throws is a finding too. */
export async function runDrill(
  { run, expected, repair }: Drill,
  { site, rules }: { readonly site: DrillSite; readonly rules: readonly AlertRule[] },
): Promise<readonly Finding[]> {
  const before = { scrape: await site.scrape(), page: site.page(), runs: site.listener.runs.size };
  const findings: Finding[] = [];
  try {
    const answer = await run(site);
    findings.push(finding("caller", `${answer.status} ${answer.text}`, `${expected.status} `, expected.answer));
    const shown = await site.console(expected.console.path.replace("{delivery}", deliveryIn(answer)));
    findings.push(excerpt("console", shown, expected.console.words));
    const alerts = newAlerts(rules, before.scrape, await site.scrape());
    const [saw, wanted] = [alerts, expected.alerts].map((names) => names.join(", ") || "none");
    findings.push({ side: "alerts", saw: saw ?? "", ...(saw !== wanted && { wanted: wanted ?? "" }) });
    await repair?.(site);
    if (repair) findings.push({ side: "recovery", saw: "back to normal" });
  } catch (error) {
    const saw = shortened(error instanceof Error ? error.message : String(error));
    findings.push({ side: repair && findings.length >= 3 ? "recovery" : "caller", saw, wanted: "no error" });
  }
  findings.push(pageFinding(before.page, site.page(), expected.page));
  const runs = site.listener.runs.size - before.runs;
  const wanted = runs === expected.runs ? {} : { wanted: `${expected.runs} started` };
  return [...findings, { side: "runs", saw: `${runs} started`, ...wanted }];
}

/** The alerts that hold after and did not before. */
function newAlerts(rules: readonly AlertRule[], before: Scrape, after: Scrape): readonly string[] {
  return rules
    .filter(({ expr }) => holds(expr, { before, after }) && !holds(expr, { before, after: before }))
    .map(({ alert }) => alert);
}

function finding(side: Finding["side"], saw: string, start: string, words: string): Finding {
  const isRight = saw.startsWith(start) && saw.includes(words);
  return { side, saw: shortened(saw), ...(!isRight && { wanted: `${start}${words}` }) };
}

function pageFinding(before: string, after: string, words: string | undefined): Finding {
  if (words !== undefined) return excerpt("page", after, words);
  if (before === after) return { side: "page", saw: "unchanged" };
  return { side: "page", saw: shortened(after), wanted: "unchanged" };
}

/** The id in an answer that accepted a delivery. */
const deliveryIn = ({ text }: Answer): string => /"delivery":"([^"]+)"/.exec(text)?.[1] ?? "";

/** Characters before and after the words that are shown, up to whole words. */
const AROUND = 60;

function excerpt(side: Finding["side"], text: string, words: string): Finding {
  const at = text.indexOf(words);
  if (at < 0) return { side, saw: shortened(text), wanted: words };
  const before = text
    .slice(0, at)
    .slice(-AROUND / 3)
    .replace(/^\S*\s/, "");
  const after = text.slice(at + words.length, at + words.length + AROUND).replace(/\s\S*$/, "");
  return { side, saw: `${before}${words}${after}`.trim() };
}

const shortened = (text: string): string => (text.length > 240 ? `${text.slice(0, 239)}…` : text);
