import type { BusEvent } from "../../shared/model/bus-event.ts";
import type { BuildState } from "../../shared/model/event.ts";
import type { SandboxConfluence } from "./sandbox-confluence.ts";
import { type Bench, buildEntry } from "./sandbox-confluence-action.ts";

/** Does one thing at its time. Returns the seconds after which it has to run again; undefined if it is done. */
export type Task = () => Promise<number | undefined>;

/** A period of time, virtual or real, in which tasks run. */
export interface Schedule {
  at(seconds: number, run: Task): void;
  /** Runs until no task is left. */
  run(): Promise<void>;
}

interface Storm {
  readonly schedule: Schedule;
  readonly sandbox: SandboxConfluence;
  readonly bench: Bench;
  readonly seconds: number;
  readonly progressSeconds: number;
  /** In [0, 1). */
  readonly random: () => number;
}

const STORM_PAGE = "98310";
const WRITERS = 10;

/** The expected content of the page after the storm. */
interface StormResult {
  /** The texts of the people's edits. Each occurs once. */
  readonly edits: readonly string[];
  /** The lozenge of each pipeline's furthest state. */
  readonly truth: ReadonlyMap<string, string>;
  /** Upper bound of the bridge's versions: one in each pause, the first, and one for each end of a run. */
  readonly mostVersions: number;
}

/** Ten pipelines run repeatedly, and ten people read, think and write, all on one page. */
export async function storm(given: Storm): Promise<StormResult> {
  const truth = new Map<string, string>();
  const edits: string[] = [];
  let ends = 0;
  for (let writer = 0; writer < WRITERS; writer++) {
    const pipeline = `ci/p${writer}`;
    for (const { at, number, state } of runsOf(given)) {
      ends += LOZENGES[state] === undefined ? 0 : 1;
      truth.set(pipeline, LOZENGES[state] ?? state.toUpperCase());
      const createdAt = `2026-11-02T08:00:${String(number).padStart(2, "0")}.000Z`;
      const busEvent = buildEntry({ pipeline, number, id: `run-${number}`, createdAt, state });
      given.schedule.at(at, () => act(given.bench, busEvent));
    }
    for (let at = given.random() * 4, n = 0; at < given.seconds; at += 2 + given.random() * 6, n++) {
      const text = `Edit ${writer}-${n}.`;
      edits.push(text);
      given.schedule.at(halves(at), person(given, text));
    }
  }
  await given.schedule.run();
  return { edits, truth, mostVersions: Math.ceil(given.seconds / given.progressSeconds) + 1 + ends };
}

const LOZENGES: Partial<Record<BuildState, string>> = { succeeded: "PASSED", failed: "FAILED" };

/** Some are reported late, and in another order than they occurred. */
function* runsOf({ seconds, random }: Storm): Generator<{ at: number; number: number; state: BuildState }> {
  let at = random() * 10;
  for (let number = 1; at < seconds; number++) {
    for (const state of ["queued", "running", "waiting", random() < 0.5 ? "succeeded" : "failed"] as const) {
      yield { at: halves(Math.max(0, at + random() * 8 - 4)), number, state };
      at += random() * 6;
    }
    at += random() * 10;
  }
}

/** Rounds to half seconds, so that writers coincide. */
const halves = (seconds: number): number => Math.round(seconds * 2) / 2;

/** Runs an action as the bridge does. */
async function act(bench: Bench, busEvent: BusEvent): Promise<number | undefined> {
  const result = await bench.run(busEvent);
  if (result.outcome === "done" || result.outcome === "expect_run") return undefined;
  if (result.outcome === "give_up") throw new Error(`given up: ${result.summary}`);
  return result.afterSeconds ?? 1;
}

/** Reads, waits, and writes over the version that was read. Reads again after a conflict. */
function person({ sandbox, random }: Storm, text: string): Task {
  let read: { readonly version: number; readonly body: string } | undefined;
  return async () => {
    if (read && (await publish(sandbox, read.version, withText(read.body, text, random)))) return undefined;
    const { number, body } = sandbox.page(STORM_PAGE).latest;
    read = { version: number, body };
    return halves(random() * 2);
  };
}

/** The macro at the start of a region, on either product. */
const REGION_START =
  /<ac:structured-macro ac:name="excerpt"|<ac:structured-macro [^>]*><ac:parameter ac:name="">[\w:]+-start</;

/** Inserts the text at the start, at the end, or after a paragraph outside the region. */
function withText(body: string, text: string, random: () => number): string {
  const paragraph = `<p>${text}</p>`;
  const region = body.search(REGION_START);
  const places = Array.from(body.matchAll(/<\/p>(?=<p )/g), ({ index }) => index + 4).filter(
    (at) => region < 0 || at < region,
  );
  const at = [0, body.length, ...places][Math.floor(random() * (places.length + 2))] ?? 0;
  return body.slice(0, at) + paragraph + body.slice(at);
}

async function publish(sandbox: SandboxConfluence, version: number, body: string): Promise<boolean> {
  const page = sandbox.pageUrl(STORM_PAGE);
  const answer = await fetch(new URL(`/sandbox/pages/${STORM_PAGE}/edit`, page), {
    method: "POST",
    headers: { origin: page.origin },
    body: new URLSearchParams({ body, version: String(version) }),
    redirect: "manual",
  });
  await answer.arrayBuffer();
  if (answer.status === 303) return true;
  if (answer.status === 409) return false;
  throw new Error(`a person's edit was answered ${answer.status}`);
}

/** The damage of the page after the storm, in sentences. Empty if there is none. */
export function damageOf(sandbox: SandboxConfluence, { edits, truth, mostVersions }: StormResult): readonly string[] {
  const { versions, latest } = sandbox.page(STORM_PAGE);
  const damage: string[] = [];
  for (const text of edits) {
    const times = latest.body.split(`>${text}</p>`).length - 1;
    if (times !== 1) damage.push(`"${text}" is there ${times} times`);
  }
  for (const [pipeline, lozenge] of truth) {
    const row = new RegExp(`<td>${pipeline} \\(tekton\\)</td>.*?</tr>`).exec(latest.body)?.[0] ?? "";
    if (
      !new RegExp(
        `<td>[^/]*<ac:parameter ac:name="colour">\\w+</ac:parameter><ac:parameter ac:name="title">${lozenge}<`,
      ).test(row)
    )
      damage.push(`${pipeline} does not show ${lozenge}: ${row}`);
  }
  const regions = latest.body.split(REGION_START).length - 1;
  if (regions !== 1) damage.push(`there are ${regions} regions`);
  const ours = versionsOfBridge(sandbox);
  if (ours > mostVersions) damage.push(`the bridge made ${ours} versions, and may make ${mostVersions}`);
  if (versions.length - 1 - ours !== edits.length) damage.push("a version is nobody's");
  return damage;
}

export const versionsOfBridge = (sandbox: SandboxConfluence): number =>
  sandbox.page(STORM_PAGE).versions.filter(({ by }) => by === "Drawbridge").length;
