import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { attempt } from "../../shared/delivery/act.ts";
import { Lane } from "../../shared/delivery/lane.ts";
import { RelayWorker } from "../../shared/delivery/relay-worker.ts";
import { laterBy } from "../../shared/host/clock.ts";
import { hmacSha256 } from "../../shared/host/hmac.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import { bridgeParts, routeOf } from "../support/bridge-parts.ts";
import { type DocumentedBuild, PAGE, SECRETS, startDocumentedBuild } from "../support/documented-build.ts";
import { sampleDelivery } from "../support/samples.ts";
import { storedItems } from "../support/stored-items.ts";
import { silentLog } from "../support/test-doubles.ts";
import { until } from "../support/until.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

describe("the workers of one machine while somebody sets the clock", () => {
  const RETRY: ActionOutcome = { outcome: "retry", summary: "no connection" };

  /** A bridge with one scheduled action whose attempts end with `outcome`, and a lane that runs it. */
  async function laneWith(run: () => Promise<ActionOutcome>) {
    const parts = await bridgeParts([routeOf(run)]);
    const delivery = sampleDelivery(1, { receivedAt: parts.clock.now() });
    await parts.deliveries.record(delivery);
    const { actions, clock, deps } = parts;
    const lane = new Lane("ci", {
      accessTo: async () => "free",
      actions,
      clock,
      log: silentLog,
      attempt: (id) => attempt(id, deps),
    });
    const action = { id: "a-1", route: "docs", action: "tekton", target: "ci", eventKey: "e-1", delivery: delivery.id };
    const attempted = (count: number) =>
      until(
        `${count} attempts`,
        () => parts.attempts(delivery.id),
        ({ length }) => length >= count,
      );
    return { ...parts, lane, action, attempted, stopAll: () => lane.stop().then(parts.stop) };
  }

  it("a retry that began to wait a day ahead runs when the clock is right again", async () => {
    const { lane, actions, clock, action, attempted, stopAll } = await laneWith(async () => RETRY);
    clock.set(DAY_MS);
    await actions.schedule(action, clock.now());
    lane.nudge();
    await attempted(1);
    clock.set(-DAY_MS);
    await attempted(2);
    await stopAll();
  });

  it("a retry that began to wait a day ahead runs after a start with the right clock", async () => {
    const { lane, actions, clock, action, attempted, stopAll } = await laneWith(async () => RETRY);
    const claim = await actions
      .schedule(action, laterBy(clock.now(), DAY_MS))
      .then(() => actions.claim(action.id, laterBy(clock.now(), DAY_MS), laterBy(clock.now(), DAY_MS + 60_000)));
    if (claim) await actions.release(claim, laterBy(clock.now(), DAY_MS), laterBy(clock.now(), DAY_MS + HOUR_MS));
    lane.nudge();
    await attempted(1);
    await stopAll();
  });

  it("an attempt during which the clock is set back by an hour is made once, and lasts as long as it lasted", async () => {
    const { lane, actions, clock, action, attempted, stopAll } = await laneWith(async () => {
      clock.advance(250);
      clock.set(-HOUR_MS);
      for (let rounds = 0; rounds < 3; rounds++) {
        lane.nudge();
        await new Promise((resolve) => setImmediate(resolve));
      }
      return { outcome: "done", summary: "created" };
    });
    await actions.schedule(action, clock.now());
    lane.nudge();
    expect(await attempted(1)).toMatchObject([{ attempt: 1, outcome: "done", durationMs: 250 }]);
    // The lane writes the line before the state.
    await until("the end", async () => (await actions.state(action.id)) === "done");
    await stopAll();
  });

  it("a delivery that was recorded a day ahead is relayed when the clock is right again", async () => {
    const { deliveries, ownAccounts, bus, clock, stop } = await bridgeParts([]);
    const worker = new RelayWorker(() => ({ bus, deliveries, outbox: deliveries, ownAccounts, clock, log: silentLog }));
    const { id } = sampleDelivery(1);
    await deliveries.record(sampleDelivery(1, { receivedAt: laterBy(clock.now(), DAY_MS) }));
    worker.start();
    await until(
      "the delivery to be relayed",
      () => deliveries.get(id),
      (delivery) => delivery?.relayedAt !== undefined,
    );
    await worker.stop();
    await stop();
  });
});

describe("a bridge in its own process while somebody sets the clock", () => {
  let build: DocumentedBuild;
  let clockFile: string;

  beforeEach(async () => {
    build = await startDocumentedBuild();
    clockFile = join(build.folder, "clock");
    await start();
  });

  function start(): Promise<void> {
    const preload = new URL("../support/set-clock.mjs", import.meta.url).href;
    return build.start(undefined, { NODE_OPTIONS: `--import=${preload}`, CLOCK_FILE: clockFile });
  }

  afterEach(() => build.stop());

  /** Sets the clock of the bridge's process to the right time and this much. */
  async function setClock(offMs: number): Promise<void> {
    await writeFile(clockFile, String(offMs));
    build.bridge()?.process.kill("SIGUSR2");
    await until("the clock to be set", () => !existsSync(clockFile));
  }

  let edits = 0;
  async function sendPageEdit(): Promise<void> {
    edits += 1;
    const content = {
      timestamp: 1_793_610_000_000 + edits,
      event: "page_updated",
      userKey: "rita",
      page: { id: PAGE },
    };
    const body = JSON.stringify(content);
    const response = await fetch(new URL("/webhooks/wiki", build.bridge()?.firstLine), {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-hub-signature": `sha256=${hmacSha256(SECRETS.WIKI, [body]).toString("hex")}`,
      },
      body,
    });
    expect(response.status).toBe(202);
  }

  const ownVersions = () => build.confluence.page(PAGE).versions.filter(({ by }) => by === "Drawbridge").length;
  /** Sends an edit, which fires a run, whose end is written to the page. */
  async function pageIsWrittenAfterAnEdit(): Promise<void> {
    const before = ownVersions();
    await sendPageEdit();
    await until("the page to be written", ownVersions, (count) => count > before);
    await build.listener.settled();
  }

  it("a bridge whose clock is set back an hour, ahead a day and right again does all work at once", async () => {
    await pageIsWrittenAfterAnEdit();
    await setClock(-HOUR_MS);
    await pageIsWrittenAfterAnEdit();
    await setClock(DAY_MS);
    await pageIsWrittenAfterAnEdit();
    await setClock(0);
    await pageIsWrittenAfterAnEdit();
  }, 60_000);

  it("a retry of a clock that is ahead for a moment is made when the clock is right again", async () => {
    await setClock(DAY_MS);
    const failure = { kind: "server_error" } as const;
    build.listener.answerNext(failure, failure, failure);
    await sendPageEdit();
    await until("a failed attempt", () => build.listener.requests.length);
    await setClock(0);
    await until("a run", () => build.listener.runs.size);
  }, 60_000);

  it("a start with a clock that is 100 days ahead makes the retry that is due, and deletes no record", async () => {
    const failure = { kind: "server_error" } as const;
    // Fewer than would open the circuit breaker.
    build.listener.answerNext(failure, failure, failure, failure);
    await sendPageEdit();
    await until("a failed attempt", () => build.listener.requests.length);
    build.bridge()?.process.kill("SIGKILL");
    await build.bridge()?.ended;
    const records = storedItems(join(build.folder, "data")).length;
    await writeFile(clockFile, String(100 * DAY_MS));
    await start();
    await until("a run", () => build.listener.runs.size);
    expect(storedItems(join(build.folder, "data")).length).toBeGreaterThan(records);
  }, 60_000);
});
