import * as v from "valibot";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { actions } from "../../shared/actions/registry.ts";
import { type CallOut, callOut, type OutboundRequest } from "../../shared/host/call-out.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import { type ActionFixture, actionFixtureOf, anotherEvent, idempotencyKeyIn } from "../support/action-fixtures.ts";
import { memoryStores } from "../support/memory-stores.ts";
import { type ScriptedTarget, startScriptedTarget, type TargetFailure } from "../support/scripted-target.ts";
import { actionDeps, secretsOf, type TestClock, testClock } from "../support/test-doubles.ts";

let target: ScriptedTarget;
beforeAll(async () => {
  target = await startScriptedTarget();
});
afterAll(() => target.close());

const REJECTIONS = [302, 400, 401, 403, 404, 410, 422];
const TROUBLE = [429, 500, 502, 503, 504];
const NO_RESPONSE: readonly [string, TargetFailure][] = [
  ["does not answer in time", { kind: "silence" }],
  ["cuts the connection", { kind: "cut" }],
  ["cuts its response", { kind: "half" }],
];

describe.each(actions)("the action $name", (action) => {
  let fixture: ActionFixture;
  let called: OutboundRequest[];
  let stores: ReturnType<typeof memoryStores>;
  let clock: TestClock;

  beforeEach(() => {
    fixture = actionFixtureOf(action.name, target.url);
    called = [];
    clock = testClock();
    stores = memoryStores({ clock });
    target.play({ exchange: fixture.exchange });
  });
  afterEach(() => {
    for (const { timeoutMs, signal } of called) {
      expect(timeoutMs, "a call ends before the attempt").toBeLessThanOrEqual(action.maxAttemptMs);
      expect(signal, "a call ends with the attempt").toBeDefined();
    }
  });

  interface Changes {
    readonly busEvent?: BusEvent;
    readonly attempt?: number;
    readonly signal?: AbortSignal;
    readonly environment?: Readonly<Record<string, string>>;
  }

  /** One attempt of the action as a process makes it that has just started. */
  function run(changes: Changes = {}): Promise<ActionOutcome> {
    const recorded: CallOut = (request) => {
      called.push(request);
      return callOut(request);
    };
    const { boards, origins, ownAccounts } = stores;
    const secrets = secretsOf(changes.environment ?? fixture.environment);
    const connected = action.connect(
      { route: "fixture", targetName: "fixture", target: fixture.target, options: fixture.options },
      actionDeps({ secrets, clock, callOut: recorded, boards, origins, ownAccounts }),
    );
    const { busEvent = fixture.busEvent, attempt = 1, signal = new AbortController().signal } = changes;
    return connected.run({ busEvent, origin: fixture.origin, attempt, signal });
  }

  /** One attempt whose target fails from the request number `at` on. A request that is never answered ends the attempt. */
  function runWithFailure(at: number, how: TargetFailure): Promise<ActionOutcome> {
    const controller = new AbortController();
    target.play({ exchange: fixture.exchange, failure: { at, how }, onSilence: () => controller.abort() });
    return run({ signal: controller.signal });
  }

  const changing = () => target.requests().filter(({ method }) => method !== "GET");

  it("the settings and options of its fixture are valid", () => {
    const { target: settings, options } = actionFixtureOf(action.name);
    expect(v.safeParse(action.target, settings).success).toBe(true);
    expect(v.safeParse(action.options, options).success).toBe(true);
  });

  it("a target that accepts gets the requests of the fixture, in their order, and the action is done", async () => {
    expect(await run()).toMatchObject({ outcome: "done", summary: expect.stringMatching(/./) });
    const expected = fixture.exchange.map(({ request: { method, path, headers, body } }) => ({
      method,
      path,
      headers,
      body: body ?? "",
    }));
    const names = (index: number) => Object.keys(expected[index]?.headers ?? {});
    const received = target.requests().map(({ method, path, headers, body }, index) => ({
      method,
      path,
      headers: Object.fromEntries(names(index).map((name) => [name, headers.get(name)])),
      body,
    }));
    expect(received).toEqual(expected);
  });

  it("a repeat is harmless: a request that changes something has the key of the first attempt", async () => {
    await run();
    const keys = changing().map((request) => idempotencyKeyIn(request, fixture.idempotencyKey));
    target.play({ exchange: fixture.repeat });
    clock.advance(60_000);
    expect(await run({ attempt: 2 })).toMatchObject({ outcome: "done" });
    const repeated = target.requests().map(({ method, path }) => `${method} ${path}`);
    expect(repeated).toEqual(fixture.repeat.map(({ request: { method, path } }) => `${method} ${path}`));
    for (const request of changing()) {
      const key = idempotencyKeyIn(request, fixture.idempotencyKey);
      expect(key, "a request that is repeated has an idempotency key").toBeTypeOf("string");
      expect(keys).toContain(key);
    }
  });

  it("another event has another idempotency key", async () => {
    if (fixture.idempotencyKey === undefined) return;
    await run();
    const [first] = changing().map((request) => idempotencyKeyIn(request, fixture.idempotencyKey));
    target.play({ exchange: fixture.exchange });
    await run({ busEvent: anotherEvent(fixture.busEvent) });
    const [other] = changing().map((request) => idempotencyKeyIn(request, fixture.idempotencyKey));
    expect(other).toBeTypeOf("string");
    expect(other).not.toBe(first);
  });

  it("a secret that is missing is a fault that is retried, and the target gets no request", async () => {
    if (Object.keys(fixture.environment).length === 0) return;
    await expect(run({ environment: {} })).rejects.toMatchObject({ code: "secret_unavailable", retryable: true });
    expect(target.requests()).toEqual([]);
  });

  it("a target that cannot be reached is tried again, and its outcome is known", async () => {
    const closed = await startScriptedTarget();
    await closed.close();
    fixture = actionFixtureOf(action.name, closed.url);
    const outcome = await run();
    expect(outcome).toMatchObject({ outcome: "retry" });
    expect(outcome).not.toHaveProperty("unknownOutcome", true);
  });

  const requests = actionFixtureOf(action.name).exchange.map(({ request }, at) => ({ ...request, at }));
  describe.each(requests)("whose target fails at $method $path", ({ method, at }) => {
    it.each(REJECTIONS)("a response %i is given up", async (status) => {
      const headers = { location: `${target.url}/elsewhere` };
      const outcome = await runWithFailure(at, { kind: "answer", status, headers });
      expect(outcome).toMatchObject({ outcome: "give_up", summary: expect.stringContaining(String(status)) });
      expect(target.requests().map(({ path }) => path)).not.toContain("/elsewhere");
    });

    it.each(TROUBLE)("a response %i is retried", async (status) => {
      const outcome = await runWithFailure(at, { kind: "answer", status });
      expect(outcome).toMatchObject({ outcome: "retry", summary: expect.stringMatching(/./) });
      expect(outcome).not.toHaveProperty("afterSeconds");
    });

    it("a response 429 with Retry-After is retried after that time", async () => {
      const outcome = await runWithFailure(at, { kind: "answer", status: 429, headers: { "retry-after": "17" } });
      expect(outcome).toMatchObject({ outcome: "retry", afterSeconds: 17 });
    });

    it.each(NO_RESPONSE)("a target that %s is tried again", async (_, how) => {
      const outcome = await runWithFailure(at, how);
      expect(outcome).toMatchObject({ outcome: "retry", summary: expect.stringMatching(/./) });
      if (method !== "GET") expect(outcome).toHaveProperty("unknownOutcome", true);
    });

    it("a response that has no end is not read to the end, and the action is not done", async () => {
      const outcome = await runWithFailure(at, { kind: "endless" });
      expect(["retry", "give_up"]).toContain(outcome.outcome);
      const cannotRead = requests.every((one) => one.method !== "GET");
      if (cannotRead) expect(outcome).toMatchObject({ outcome: "retry", unknownOutcome: true });
    });

    it.each([200, 201, 202, ...REJECTIONS, ...TROUBLE])(
      "a response %i that repeats the credential reveals it in no outcome",
      async (status) => {
        const secrets = Object.values(fixture.environment);
        const said = [...secrets, ...secrets.map(encodeURIComponent), JSON.stringify(fixture.target)].join(" ");
        const body = JSON.stringify({ message: said, errorMessage: said, error: said, eventID: secrets[0] });
        const outcome = await runWithFailure(at, { kind: "answer", status, body });
        const authorization = target.requests()[0]?.headers.get("authorization")?.replace(/^\S+ /, "");
        for (const secret of [...secrets, ...(authorization ? [authorization] : [])]) {
          for (const spelling of [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64")])
            expect(JSON.stringify(outcome)).not.toContain(spelling);
        }
      },
    );
  });
});
