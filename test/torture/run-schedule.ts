import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stringify } from "yaml";
import { systemClock as clock } from "../../shared/host/clock.ts";
import { DATABASE_FILE } from "../../shared/store/sqlite/open.ts";
import { startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { startSandboxListener } from "../support/sandbox-listener.ts";
import { BridgeUnderTest } from "./bridge-under-test.ts";
import { startFaultProxy } from "./fault-proxy.ts";
import { Random } from "./random.ts";
import type { RandomSchedule, ScheduledStep } from "./random-schedule.ts";
import { faultsOfSchedule, isWorkLeft, type Sending } from "./schedule-oracle.ts";
import { PAGE, requestOf, SECRETS } from "./traffic.ts";

export interface ScheduleFigures {
  readonly kills: number;
  readonly terminations: number;
  readonly stops: number;
  readonly clockSteps: number;
  /** Webhook requests that were answered 2xx. */
  readonly accepted: number;
  /** Requests of the bridge to its targets, and those of them that met a fault. */
  readonly calls: number;
  readonly brokenCalls: number;
  readonly lost: number;
  readonly doubled: number;
  /** Repeats of a call under the same key, after a fault or a kill. */
  readonly repeats: number;
  readonly personsEdits: number;
  readonly pageVersions: number;
}

export interface JudgedSchedule {
  readonly figures: ScheduleFigures;
  readonly faults: readonly string[];
}

/** How long the bridge may need to finish its work after the last fault, on a machine with other work. */
const SETTLE_MS = 90_000;
const REQUEST_MS = 8_000;
const REPEAT_MS = 100;

/** Runs one schedule with a real process and real HTTP on both sides, lets the bridge finish its work, and judges it. */
export async function runSchedule(program: string, schedule: RandomSchedule, folder: string): Promise<JudgedSchedule> {
  await mkdir(folder, { recursive: true });
  const scene = await openScene(program, folder, new Random(schedule.seed + 1_000_000));
  const { bridge, listener, confluence, proxies, database } = scene;
  const steps = new ScheduledSteps(scene);
  try {
    await bridge.start();
    await steps.all(schedule.steps);
    for (const proxy of Object.values(proxies)) proxy.setFaults(0);
    await listener.settled();
    // A cluster reports the state of its runs again from time to time, so an event that it dropped arrives in the end.
    listener.resendAll();
    await listener.settled();
    const limit = clock.monotonic() + SETTLE_MS;
    while (isWorkLeft(database) && clock.monotonic() < limit) await sleep(50);
    await bridge.terminate();
    const { sendings, people } = steps;
    const page = confluence.page(PAGE);
    const judged = faultsOfSchedule({ database, sendings, listener, proxies, people, page, bridge });
    return { figures: { ...bridge.counts, ...judged.figures }, faults: judged.faults };
  } catch (error) {
    const fault = `it failed: ${error instanceof Error ? error.message : String(error)}`;
    return { figures: { ...bridge.counts, ...NO_FIGURES }, faults: [fault] };
  } finally {
    await scene.close();
    await rm(folder, { recursive: true, force: true });
  }
}

type Scene = Awaited<ReturnType<typeof openScene>>;

/** The bridge's configuration, its targets behind proxies, and the bridge, which is not started. */
async function openScene(program: string, folder: string, random: Random) {
  const confluence = await startSandboxConfluence({ product: "data-center", pages: [{ body: FIRST_BODY }] });
  const basic = `Basic ${Buffer.from(`tekton:${SECRETS.CLUSTER}`).toString("base64")}`;
  const config = join(folder, "drawbridge.yaml");
  const data = join(folder, "data");
  const bridge = new BridgeUnderTest(program, [config, data]);
  const listener = await startSandboxListener({
    sink: () => ({ url: new URL("/webhooks/cluster", bridge.url ?? NOWHERE), headers: { authorization: basic } }),
  });
  const proxies = {
    good: await startFaultProxy(listener.url, random),
    bad: await startFaultProxy(listener.url, random),
    pages: await startFaultProxy(new URL(confluence.site("data-center")), random),
  };
  await writeFile(config, stringify(configOf(proxies)));
  const close = async (): Promise<void> => {
    await bridge.kill();
    for (const proxy of Object.values(proxies)) await proxy.close();
    await listener.close();
    await confluence.close();
  };
  return { confluence, listener, proxies, bridge, random, database: join(data, DATABASE_FILE), close };
}

type Send = Extract<ScheduledStep, { readonly kind: "send" }>;

/** Does the steps of a schedule, each at its time. */
class ScheduledSteps {
  readonly sendings: Sending[] = [];
  /** The texts of people's edits. */
  readonly people: string[] = [];
  readonly #scene: Scene;
  readonly #started = clock.monotonic();
  /** One process at a time: a kill waits for the end of a start. */
  #life: Promise<unknown> = Promise.resolve();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  async all(steps: readonly ScheduledStep[]): Promise<void> {
    await Promise.all(
      steps.map(async (step) => {
        await sleep(step.at);
        await this.#perform(step);
      }),
    );
  }

  async #perform(step: ScheduledStep): Promise<unknown> {
    const { bridge, confluence, listener, proxies, random } = this.#scene;
    switch (step.kind) {
      case "send":
        return this.#send(step);
      case "person":
        this.people.push(step.text);
        return confluence.humanEdit(PAGE, (body) => withText(body, step.text, random));
      case "kill":
        return this.#inTurn(() => bridge.kill().then(() => bridge.start()));
      case "terminate":
        return this.#inTurn(() => bridge.terminate().then(() => bridge.start()));
      case "stop":
        return this.#inTurn(() => bridge.stopFor(step.forMs));
      case "clock":
        return this.#inTurn(async () => bridge.moveClock(step.addedMs));
      case "faults":
        return proxies[step.target].setFaults(step.probability);
      case "resend all":
        return listener.resendAll();
    }
  }

  #inTurn(work: () => Promise<unknown>): Promise<unknown> {
    this.#life = this.#life.then(work);
    return this.#life;
  }

  /** A sender that repeats does so until it has a good answer. */
  async #send(step: Send): Promise<void> {
    const sending: Sending = { cause: step.cause, report: step.report, answers: [] };
    this.sendings.push(sending);
    do {
      const answer = await this.#post(step);
      sending.answers.push({ at: performance.now(), ...answer });
      if (answer.status >= 200 && answer.status < 300) return;
      await sleep(REPEAT_MS);
    } while (step.repeats && clock.monotonic() - this.#started < SETTLE_MS);
  }

  async #post({ cause, report }: Send) {
    const { bridge } = this.#scene;
    const { path, headers, body } = requestOf(cause, report, clock.now() + bridge.addedMs);
    try {
      const signal = AbortSignal.timeout(REQUEST_MS);
      const response = await fetch(new URL(path, bridge.url ?? NOWHERE), { method: "POST", headers, body, signal });
      const text = await response.text();
      const answer = response.ok ? (JSON.parse(text) as { delivery?: string; status?: string }) : {};
      return { status: response.status, delivery: answer.delivery, outcome: answer.status };
    } catch {
      // The process is down, was killed meanwhile, or did not answer in time.
      return { status: 0, delivery: undefined, outcome: undefined };
    }
  }
}

const NO_FIGURES = {
  accepted: 0,
  calls: 0,
  brokenCalls: 0,
  lost: 0,
  doubled: 0,
  repeats: 0,
  personsEdits: 0,
  pageVersions: 0,
};

/** No process listens here. */
const NOWHERE = new URL("http://127.0.0.1:9");

/** A person's own excerpt, and a text that shows one, are before the place of the bridge's region. */
const FIRST_BODY =
  '<p>Plans.</p><ac:structured-macro ac:name="excerpt"><ac:parameter ac:name="name">summary</ac:parameter>' +
  "<ac:rich-text-body><p>What this page is about.</p></ac:rich-text-body></ac:structured-macro>" +
  '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[<ac:structured-macro ac:name="excerpt">' +
  "<ac:rich-text-body>example</ac:rich-text-body>]]></ac:plain-text-body></ac:structured-macro>" +
  "<table><tbody><tr><th>Owner</th><td>Kim</td></tr></tbody></table><p>The end.</p>";

function withText(body: string, text: string, random: Random): string {
  const paragraph = `<p>${text}</p>`;
  return random.chance(0.5) ? paragraph + body : body + paragraph;
}

function configOf({ good, bad, pages }: Readonly<Record<"good" | "bad" | "pages", { readonly url: URL }>>): object {
  const site = pages.url.origin;
  const pushOf = (project: string) => ({
    "detail-type": ["code.pushed"],
    detail: { code: { project: [project] } },
  });
  const listenerOf = (url: URL) => ({
    kind: "tekton",
    url: url.href,
    runsReportedBy: "cluster",
    namespaces: ["ci"],
    timeoutSeconds: 2,
  });
  const show = { confluence: { target: "pages", page: PAGE } };
  return {
    sources: {
      wiki: { provider: "confluence", site, hubSignature: { current: "env:WIKI" } },
      gitlab: { provider: "gitlab", signingToken: { current: "env:GITLAB" } },
      cluster: {
        provider: "tekton",
        basic: { username: "tekton", password: { current: "env:CLUSTER" } },
        namespaces: ["ci"],
      },
    },
    targets: {
      good: listenerOf(good.url),
      bad: listenerOf(bad.url),
      pages: {
        kind: "confluence",
        product: "data-center",
        site,
        credential: { bearer: "env:PAGES" },
        spaces: ["ENG"],
        progressSeconds: 0,
        timeoutSeconds: 2,
      },
    },
    limits: { shutdownSeconds: 2 },
    routes: {
      "push-good": { when: pushOf("team/good"), do: { tekton: { target: "good" } } },
      "push-bad": { when: pushOf("team/bad"), do: { tekton: { target: "bad" } } },
      "page-build": { when: { "detail-type": ["page.updated"] }, do: { tekton: { target: "bad" } } },
      status: { when: { "detail-type": [{ prefix: "build." }] }, do: show },
    },
  };
}
