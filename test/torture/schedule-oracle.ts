import { existsSync } from "node:fs";
import { DatabaseSync } from "@photostructure/sqlite";
import * as v from "valibot";
import { REPEAT_MS } from "../../shared/model/event.ts";
import type { SandboxPage, SandboxVersion } from "../support/sandbox-confluence-site.ts";
import type { SandboxListener } from "../support/sandbox-listener.ts";
import type { BridgeUnderTest } from "./bridge-under-test.ts";
import type { FaultProxy, ProxiedRequest } from "./fault-proxy.ts";
import { type Cause, nameOfCause, type PipelineStatus } from "./traffic.ts";

/** One report of a cause, and the answers to its tries. Status 0: no answer. */
export interface Sending {
  readonly cause: Cause;
  readonly report: string;
  readonly answers: {
    readonly at: number;
    readonly status: number;
    readonly delivery: string | undefined;
    readonly outcome: string | undefined;
  }[];
}

interface Evidence {
  readonly database: string;
  readonly sendings: readonly Sending[];
  readonly listener: SandboxListener;
  readonly proxies: Readonly<Record<"good" | "bad" | "pages", FaultProxy>>;
  readonly people: readonly string[];
  readonly page: SandboxPage;
  readonly bridge: BridgeUnderTest;
}

/** Whether a delivery is not relayed, or an action is not finished. The process may run meanwhile. */
export function isWorkLeft(file: string): boolean {
  return leftIn(file).length > 0;
}

function leftIn(file: string): readonly string[] {
  if (!existsSync(file)) return [];
  const database = new DatabaseSync(file, { readOnly: true, timeout: 1_000 });
  try {
    const rows = database.prepare("SELECT pk, queue FROM items WHERE queue = 'relay' OR queue LIKE 'act#%'").all();
    return (rows as { readonly pk: string; readonly queue: string }[]).map(({ pk, queue }) => `${pk} in ${queue}`);
  } finally {
    database.close();
  }
}

export function faultsOfSchedule(evidence: Evidence) {
  const { sendings, proxies, people, page } = evidence;
  const { lost, doubled, repeats, faults } = faultsOfCalls(evidence);
  const calls = Object.values(proxies).flatMap(({ requests }) => requests);
  const figures = {
    accepted: sendings.filter(isAccepted).length,
    calls: calls.length,
    brokenCalls: calls.filter(({ fault }) => fault !== "none").length,
    lost: lost.length,
    doubled: doubled.length,
    repeats,
    personsEdits: people.length,
    pageVersions: page.versions.length - 1 - people.length,
  };
  const all = [
    ...faultsOfDatabase(evidence),
    ...faultsOfAnswers(sendings),
    ...lost.map((one) => `lost: ${one}`),
    ...doubled.map((one) => `doubled: ${one}`),
    ...faults,
    ...faultsOfIsolation(evidence),
    ...faultsOfPage(evidence),
  ];
  return { figures, faults: all };
}

const isSuccess = ({ status }: Sending["answers"][number]): boolean => status >= 200 && status < 300;
const isAccepted = ({ answers }: Sending): boolean => answers.some(isSuccess);

/** Guarantees 1 and 14: what was accepted is stored and relayed, and nothing is left. */
function faultsOfDatabase({ database: file, sendings }: Evidence): readonly string[] {
  const faults = leftIn(file).map((one) => `left for ever: ${one}`);
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const check = database.prepare("PRAGMA integrity_check").all() as { readonly integrity_check: string }[];
    if (check[0]?.integrity_check !== "ok") faults.push(`the file is damaged: ${JSON.stringify(check)}`);
    const find = database.prepare("SELECT fields ->> 'relayedAt' AS relayed FROM items WHERE pk = ? AND sk = 'head'");
    for (const id of new Set(sendings.flatMap(({ answers }) => answers.flatMap(({ delivery }) => delivery ?? [])))) {
      const row = find.get(id) as { readonly relayed: number | null } | undefined;
      if (row === undefined) faults.push(`accepted and not stored: ${id}`);
      else if (row.relayed === null) faults.push(`accepted and not relayed: ${id}`);
    }
  } finally {
    database.close();
  }
  return faults;
}

/** Guarantee 2, and the rule that a first delivery is never answered `duplicate`. */
function faultsOfAnswers(sendings: readonly Sending[]): readonly string[] {
  const byDelivery = groupBy(
    sendings.filter(isAccepted),
    ({ answers }) => answers.find(({ delivery }) => delivery !== undefined)?.delivery ?? "",
  );
  return [...byDelivery].flatMap(([delivery, group]) => {
    const answers = group.flatMap((one) => one.answers);
    const accepted = answers.filter(({ outcome }) => outcome === "accepted").length;
    if (accepted > 1) return [`${delivery} was answered "accepted" ${accepted} times`];
    // A try without an answer may have been the first one.
    const isUnknown = answers.some(({ status }) => status === 0 || status >= 500);
    return accepted === 0 && !isUnknown ? [`${delivery} was only ever answered "duplicate"`] : [];
  });
}

/** Guarantees 1 to 4: each accepted cause has exactly one run, and a repeated call has a reason and the same key. */
function faultsOfCalls({ sendings, listener, proxies, bridge, database }: Evidence) {
  const [lost, doubled, faults]: [string[], string[], string[]] = [[], [], []];
  let repeats = 0;
  let moreRuns = 0;
  const receipts = receiptsIn(database);
  const runs = [...listener.runs.values()].map(({ name, annotations }) => ({
    name,
    delivery: annotations["drawbridge.dev/delivery"],
  }));
  const byCause = groupBy(
    sendings.filter(({ cause }) => cause.kind !== "pipeline"),
    ({ cause }) => nameOfCause(cause),
  );
  for (const [cause, group] of byCause) {
    const deliveries = new Set(group.flatMap(({ answers }) => answers.flatMap(({ delivery }) => delivery ?? [])));
    const made = runs.filter(({ delivery }) => deliveries.has(delivery ?? ""));
    const allowed = occurrencesIn(receipts, deliveries);
    // A cause whose senders got no answer may have a run nevertheless.
    moreRuns += Math.max(0, allowed - 1);
    if (made.length > allowed) doubled.push(`${cause} has the runs ${made.map(({ name }) => name)}`);
    // Another report, whose sender got no answer, may have fired the run for all of them.
    const isUnknown = group.some(({ answers }) => answers.some(({ status }) => status === 0 || status >= 500));
    if (group.some(isAccepted) && made.length === 0 && !isUnknown) lost.push(cause);
  }
  const causesWithRun = new Set(runs.map(({ name }) => name)).size;
  const accepted = [...byCause.values()].filter((group) => group.some(isAccepted)).length;
  if (causesWithRun < accepted) lost.push(`${accepted} causes were accepted, and there are ${causesWithRun} runs`);
  if (causesWithRun > byCause.size + moreRuns) doubled.push(`${byCause.size} causes have ${causesWithRun} runs`);
  const calls = [proxies.good, proxies.bad].flatMap(({ requests }) => requests).sort((one, other) => one.at - other.at);
  const unknown = unknownOutcomesIn(database);
  for (const [key, group] of groupBy(calls, keyOf)) {
    repeats += group.length - 1;
    for (const [index, call] of group.entries()) {
      const before = group[index - 1];
      if (before === undefined || before.fault !== "none") continue;
      // On a slow machine a good answer can come after the time-out of the bridge.
      if (unknown.has(attemptOf(before))) continue;
      const isDisturbed = bridge.disturbances.some((at) => at >= before.at - MARGIN_MS && at <= call.at);
      if (!isDisturbed) doubled.push(`${key} was called again after a good answer`);
    }
  }
  return { lost, doubled, repeats, faults };
}

/**
 * The number of times that a push may have happened. Two reports of it are one push only if they were received within
 * {@link REPEAT_MS}, and the clock of the bridge may have moved between them.
 */
function occurrencesIn(receipts: ReadonlyMap<string, number>, deliveries: ReadonlySet<string>): number {
  const times = [...deliveries].flatMap((id) => receipts.get(id) ?? []).sort((one, other) => one - other);
  return times.filter((time, at) => at === 0 || time - (times[at - 1] ?? time) >= REPEAT_MS).length;
}

/** When each delivery was received, by the clock of the bridge. */
function receiptsIn(file: string): ReadonlyMap<string, number> {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    // Of all heads, only those of deliveries have an outcome.
    const select = "SELECT pk, fields FROM items WHERE sk = 'head' AND instr(fields, '\"outcome\":') > 0";
    const rows = database.prepare(select).all() as { readonly pk: string; readonly fields: string }[];
    return new Map(rows.map(({ pk, fields }) => [pk, v.parse(received, JSON.parse(fields)).receivedAt]));
  } finally {
    database.close();
  }
}

const received = v.object({ receivedAt: v.number() });

/** A call that was sent just after a disturbance began is disturbed as well. */
const MARGIN_MS = 1_000;

const deliveryIn = ({ body }: ProxiedRequest) =>
  (JSON.parse(body) as { readonly delivery: { readonly id: string; readonly key: string; readonly attempt: string } })
    .delivery;

const routeOf = ({ headers }: ProxiedRequest): string => String(headers["drawbridge-route"]);

const keyOf = (call: ProxiedRequest): string => `${routeOf(call)} ${deliveryIn(call).key}`;

/** Identifies the attempt that made the call. */
function attemptOf(call: ProxiedRequest): string {
  const { id, attempt } = deliveryIn(call);
  return `${id} ${routeOf(call)} ${attempt}`;
}

/** The attempts whose outcome is unknown to the bridge, as the timelines of their deliveries say. */
function unknownOutcomesIn(file: string): ReadonlySet<string> {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const rows = database
      .prepare("SELECT pk, fields ->> 'entry' AS entry FROM items WHERE sk LIKE 't#attempt#%'")
      .all();
    return new Set(
      (rows as { readonly pk: string; readonly entry: string }[]).flatMap(({ pk, entry }) => {
        const { route, attempt, unknownOutcome } = JSON.parse(entry);
        return unknownOutcome === true ? [`${pk} ${route} ${attempt}`] : [];
      }),
    );
  } finally {
    database.close();
  }
}

/** Time from the 202 to the call of the healthy target, while nothing disturbs the process. */
const MOST_WAIT_MS = 10_000;

/** Guarantee 9: the healthy target gets its calls, whatever the broken ones do. */
function faultsOfIsolation({ sendings, proxies, bridge }: Evidence): readonly string[] {
  return sendings.flatMap(({ cause, answers }) => {
    if (cause.kind !== "push" || cause.project !== "team/good") return [];
    const accepted = answers.find(({ outcome }) => outcome === "accepted");
    if (accepted === undefined) return [];
    const isDisturbed = bridge.disturbances.some(
      (at) => at > accepted.at - MARGIN_MS && at < accepted.at + MOST_WAIT_MS,
    );
    if (isDisturbed) return [];
    const calls = proxies.good.requests.filter(({ body }) => body.includes(accepted.delivery ?? " "));
    const wait = Math.min(...calls.map(({ at }) => at)) - accepted.at;
    return calls.length > 0 && wait > MOST_WAIT_MS
      ? [`the healthy target got ${nameOfCause(cause)} after ${Math.round(wait)} ms`]
      : [];
  });
}

const LOZENGES: Readonly<Record<PipelineStatus, { readonly title: string; readonly rank: number }>> = {
  created: { title: "QUEUED", rank: 0 },
  running: { title: "RUNNING", rank: 1 },
  failed: { title: "FAILED", rank: 2 },
  success: { title: "PASSED", rank: 3 },
};

/** Guarantees 5, 6, 11 and 13: rows, what is outside the region, and what people wrote. */
function faultsOfPage({ sendings, people, page }: Evidence): readonly string[] {
  const faults: string[] = [];
  const last = page.versions.at(-1)?.body ?? "";
  for (const text of people) {
    const count = last.split(`>${text}</p>`).length - 1;
    if (count !== 1) faults.push(`"${text}" is on the page ${count} times`);
  }
  for (const [index, version] of page.versions.entries()) {
    const before = page.versions[index - 1];
    if (before === undefined || version.by !== BRIDGE) continue;
    if (outside(version) !== outside(before))
      faults.push(`version ${version.number} changed what is outside the region`);
  }
  for (const project of ["team/one", "team/two"]) faults.push(...faultsOfRow(project, sendings, page.versions));
  for (const [row, state] of rowsIn(last))
    if (row.endsWith("(tekton)") && !state.includes("PASSED"))
      faults.push(`the row of ${row} does not show its end: ${state}`);
  return faults;
}

const BRIDGE = "Drawbridge";

function faultsOfRow(
  project: string,
  sendings: readonly Sending[],
  versions: readonly SandboxVersion[],
): readonly string[] {
  const faults: string[] = [];
  let best = -1;
  for (const { number, body } of versions) {
    const order = orderIn(project, body);
    if (order < best) faults.push(`version ${number}: the row of ${project} goes back to ${stateIn(project, body)}`);
    best = Math.max(best, order);
  }
  const accepted = sendings.flatMap((sending) => {
    const { cause } = sending;
    return cause.kind === "pipeline" && cause.project === project && isAccepted(sending)
      ? [cause.id * 10 + LOZENGES[cause.status].rank]
      : [];
  });
  const furthest = Math.max(-1, ...accepted);
  const shown = orderIn(project, versions.at(-1)?.body ?? "");
  return shown === furthest ? faults : [...faults, `the row of ${project} ends as ${shown}, not ${furthest}`];
}

/** The number of the run and the rank of its state; -1 without a row. */
function orderIn(project: string, body: string): number {
  const [, cells] = [...rowsIn(body)].find(([row]) => row === `${project} (gitlab)`) ?? [];
  if (cells === undefined) return -1;
  const title = /ac:name="title">([A-Z ]+)</.exec(cells)?.[1];
  const state = Object.values(LOZENGES).find((one) => one.title === title);
  // The cell of the state may link to the last run that ended; the run's own link is in the fourth column.
  const number = /#(\d+)/.exec(cells.split("</td>")[3] ?? "")?.[1];
  return Number(number) * 10 + (state?.rank ?? Number.NaN);
}

const stateIn = (project: string, body: string): string => String(orderIn(project, body));

/** The cells of each row of the region, by the text of its first cell. */
function rowsIn(body: string): ReadonlyMap<string, string> {
  return new Map(
    Array.from(
      body.matchAll(/<tr><td>([^<]* \((?:gitlab|tekton)\))<\/td>(.*?)<\/tr>/g),
      ([, name = "", cells = ""]) => [name, `</td>${cells}`],
    ),
  );
}

/** The page without the bridge's region, whose anchors are named after the page. */
function outside({ body }: SandboxVersion): string {
  return body.replace(REGION, "");
}

const anchor = (side: string): string =>
  `<p[^>]*><ac:structured-macro[^>]*><ac:parameter ac:name="">drawbridge:98310-${side}</ac:parameter></ac:structured-macro></p>`;
const REGION = new RegExp(`${anchor("start")}.*${anchor("end")}`, "s");

function groupBy<T>(items: readonly T[], keyOfItem: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOfItem(item);
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return groups;
}
