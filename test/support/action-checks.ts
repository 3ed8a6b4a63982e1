import { inspect } from "node:util";
import * as v from "valibot";
import { expect } from "vitest";
import type { Action } from "../../shared/actions/action.ts";
import { type CallOut, callOut, type OutboundRequest } from "../../shared/host/call-out.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import { type ActionFixture, actionFixtureIn, idempotencyKeyIn, otherEvents } from "./action-fixtures.ts";
import type { Check } from "./checks.ts";
import { memoryStores } from "./memory-stores.ts";
import { type ScriptedTarget, startScriptedTarget, type TargetFailure } from "./scripted-target.ts";
import { actionDeps, secretsOf, testClock } from "./test-doubles.ts";

const REJECTIONS = [301, 302, 303, 307, 308, 400, 403, 404, 410, 422];
/** 401: a credential that was rotated works again once the bridge reads the new one. */
const TROUBLE = [401, 429, 500, 502, 503, 504];
/** Bodies that are not what the target documents, such as a proxy's page, or no body. */
const OTHER_BODIES = [
  "",
  "<html><title>Sign in</title></html>",
  "null",
  "[]",
  "7",
  '"text"',
  "{",
  "{}",
  '{"message":{}}',
];
/** Between two attempts: from the morning of the suite into the next day. */
/** The target did it, or it queued the request. */
const SUCCEEDED: unknown = expect.stringMatching(/^(done|expect_run)$/);
const NEXT_DAY_MS = 16 * 3_600_000;
const NO_RESPONSE: readonly (readonly [string, TargetFailure])[] = [
  ["does not answer in time", { kind: "silence" }],
  ["cuts the connection", { kind: "cut" }],
  ["cuts its response", { kind: "half" }],
];

interface Contract {
  readonly action: Action;
  /** The action's folder, with its fixtures. */
  readonly folder: string;
  /** It listens while a check runs. */
  readonly target: () => ScriptedTarget;
}

/** The contract of an action, over its fixtures. Nothing here names one. */
export function actionChecks(contract: Contract): readonly Check[] {
  const { exchange } = actionFixtureIn(contract.folder);
  const requests = exchange.map(({ request: { method, path } }, at) => ({ method, path, at }));
  const cannotRead = requests.every(({ method }) => method !== "GET");
  return [
    ...attemptChecks(contract),
    ...requests.flatMap(({ method, path, at }) => {
      const request = { where: `at ${method} ${path}`, at, changes: method !== "GET", cannotRead };
      return [...answerChecks(contract, request), ...lostAnswerChecks(contract, request)];
    }),
  ];
}

/** A check whose calls all end with the attempt. */
const check = (contract: Contract, title: string, run: (trial: Trial) => Promise<void>): Check => ({
  title,
  async run() {
    const trial = trialOf(contract);
    const before = trial.target.total();
    await run(trial);
    expect(trial.target.total() - before, "every request goes through callOut").toBeLessThanOrEqual(
      trial.called.length,
    );
    expect(trial.spokenSecrets(), "no outcome and no fault has a secret in it").toEqual([]);
    for (const { timeoutMs, signal } of trial.called) {
      expect(timeoutMs, "a call ends before the attempt").toBeLessThanOrEqual(contract.action.maxAttemptMs);
      expect(signal, "a call ends with the attempt").toBeDefined();
    }
  },
});

function attemptChecks(contract: Contract): readonly Check[] {
  const { action, folder } = contract;
  return [
    check(contract, "the settings and options of its fixture are valid", async () => {
      const { target: settings, options } = actionFixtureIn(folder);
      expect(v.safeParse(action.target, settings).success).toBe(true);
      expect(v.safeParse(action.options, options).success).toBe(true);
    }),
    check(
      contract,
      "a target that accepts gets the requests of the fixture, in their order, and the action is done",
      async ({ target, fixture, run }) => {
        expect(await run()).toMatchObject({ outcome: SUCCEEDED, summary: expect.stringMatching(/./) });
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
      },
    ),
    check(
      contract,
      "a repeat is harmless: a request that changes something has the key of the first attempt",
      async ({ target, fixture, clock, run, keysOfChanges }) => {
        await run();
        const keys = keysOfChanges();
        target.play({ exchange: fixture.repeat });
        clock.advance(60_000);
        expect(await run({ attempt: 2 })).toMatchObject({ outcome: SUCCEEDED });
        const repeated = target.requests().map(({ method, path }) => `${method} ${path}`);
        expect(repeated).toEqual(fixture.repeat.map(({ request: { method, path } }) => `${method} ${path}`));
        for (const key of keysOfChanges()) {
          expect(key, "a request that is repeated has an idempotency key").toBeTypeOf("string");
          expect(keys).toContain(key);
        }
      },
    ),
    nextDayCheck(contract),
    check(contract, "another event has another idempotency key", async ({ target, fixture, run, keysOfChanges }) => {
      if (fixture.idempotencyKey === undefined) return;
      await run();
      const [first] = keysOfChanges();
      for (const busEvent of otherEvents(fixture)) {
        target.play({ exchange: fixture.exchange });
        await run({ busEvent });
        const [other] = keysOfChanges();
        expect(other).toBeTypeOf("string");
        expect(other).not.toBe(first);
      }
    }),
    check(
      contract,
      "a secret that is missing is a fault that is retried, and the target gets no request",
      async ({ target, fixture, run }) => {
        if (Object.keys(fixture.environment).length === 0) return;
        await expect(run({ environment: {} })).rejects.toMatchObject({ code: "secret_unavailable", retryable: true });
        expect(target.requests()).toEqual([]);
      },
    ),
    check(contract, "a target that cannot be reached is tried again, and its outcome is known", async ({ run }) => {
      const closed = await startScriptedTarget();
      await closed.close();
      const outcome = await run({ fixture: actionFixtureIn(folder, closed.url) });
      expect(outcome).toMatchObject({ outcome: "retry" });
      expect(outcome).not.toHaveProperty("unknownOutcome", true);
    }),
  ];
}

/** The target has carried out nothing, so the attempt must not count on an earlier one. */
function nextDayCheck(contract: Contract): Check {
  const title =
    "a second attempt on the next day makes all requests of the fixture, with the same key, if the first failed";
  return {
    title,
    async run() {
      const keys: unknown[] = [];
      const first = check(contract, title, async ({ run, keysOfChanges }) => {
        await run();
        keys.push(...keysOfChanges());
      });
      await first.run();
      const second = check(contract, title, async ({ target, fixture, clock, run, keysOfChanges }) => {
        const closed = await startScriptedTarget();
        await closed.close();
        await run({ fixture: actionFixtureIn(contract.folder, closed.url) });
        clock.advance(NEXT_DAY_MS);
        expect(await run({ attempt: 2 })).toMatchObject({ outcome: SUCCEEDED });
        const requests = target.requests().map(({ method, path }) => `${method} ${path}`);
        expect(requests).toEqual(fixture.exchange.map(({ request: { method, path } }) => `${method} ${path}`));
        expect(keysOfChanges()).toEqual(keys);
      });
      await second.run();
    },
  };
}

interface FailingRequest {
  /** The end of the titles. */
  readonly where: string;
  readonly at: number;
  readonly changes: boolean;
  /** The action has no request that reads. */
  readonly cannotRead: boolean;
}

function answerChecks(contract: Contract, { where, at }: FailingRequest): readonly Check[] {
  const rejections = REJECTIONS.map((status) =>
    check(contract, `a response ${status} is given up ${where}`, async ({ target, runWithFailure }) => {
      const headers = { location: `${target.url}/elsewhere` };
      const outcome = await runWithFailure(at, { kind: "answer", status, headers });
      expect(outcome).toMatchObject({ outcome: "give_up", summary: expect.stringContaining(String(status)) });
      expect(target.requests().map(({ path }) => path)).not.toContain("/elsewhere");
    }),
  );
  const trouble = TROUBLE.map((status) =>
    check(contract, `a response ${status} is retried ${where}`, async ({ runWithFailure }) => {
      const outcome = await runWithFailure(at, { kind: "answer", status });
      expect(outcome).toMatchObject({ outcome: "retry", summary: expect.stringMatching(/./) });
      expect(outcome).not.toHaveProperty("afterSeconds");
    }),
  );
  const withTime = check(
    contract,
    `a response 429 with Retry-After is retried after that time ${where}`,
    async ({ runWithFailure }) => {
      const outcome = await runWithFailure(at, { kind: "answer", status: 429, headers: { "retry-after": "17" } });
      expect(outcome).toMatchObject({ outcome: "retry", afterSeconds: 17 });
    },
  );
  const revealing = [200, 201, 202, ...REJECTIONS, ...TROUBLE].map((status) =>
    check(
      contract,
      `a response ${status} that repeats the credential reveals it in no outcome ${where}`,
      async ({ fixture, runWithFailure }) => {
        const secrets = Object.values(fixture.environment);
        const said = [...secrets, ...secrets.map(encodeURIComponent), JSON.stringify(fixture.target)].join(" ");
        const body = JSON.stringify({ message: said, errorMessage: said, error: said, eventID: secrets[0] });
        const headers = Object.fromEntries(
          ["location", "x-request-id", "www-authenticate"].map((name) => [name, said]),
        );
        await runWithFailure(at, { kind: "answer", status, headers, body });
      },
    ),
  );
  const foreign = OTHER_BODIES.map((body) => ({
    title: `a response with the body ${body || "of 0 bytes"} is classified by its status, and nothing is thrown ${where}`,
    async run() {
      for (const status of [200, 201, 202, 204, 205, 206, ...REJECTIONS, ...TROUBLE]) {
        const one = check(contract, `${status}`, async ({ runWithFailure }) => {
          const { outcome } = await runWithFailure(at, { kind: "answer", status, body });
          if (status >= 300) expect(outcome, `after ${status}`).toBe(TROUBLE.includes(status) ? "retry" : "give_up");
        });
        await one.run();
      }
    },
  }));
  return [...rejections, ...trouble, withTime, ...revealing, ...foreign];
}

function lostAnswerChecks(contract: Contract, { where, at, changes, cannotRead }: FailingRequest): readonly Check[] {
  const lost = NO_RESPONSE.map(([what, how]) =>
    check(contract, `a target that ${what} is tried again ${where}`, async ({ runWithFailure }) => {
      const outcome = await runWithFailure(at, how);
      expect(outcome).toMatchObject({ outcome: "retry", summary: expect.stringMatching(/./) });
      if (changes) expect(outcome).toHaveProperty("unknownOutcome", true);
    }),
  );
  const endless = check(
    contract,
    `a response that has no end is not read to the end, and the action is not done ${where}`,
    async ({ runWithFailure }) => {
      const outcome = await runWithFailure(at, { kind: "endless" });
      expect(["retry", "give_up"]).toContain(outcome.outcome);
      if (cannotRead) expect(outcome).toMatchObject({ outcome: "retry", unknownOutcome: true });
    },
  );
  return [...lost, endless];
}

interface Changes {
  readonly fixture?: ActionFixture;
  readonly busEvent?: BusEvent;
  readonly attempt?: number;
  readonly signal?: AbortSignal;
  readonly environment?: Readonly<Record<string, string>>;
}

type Trial = ReturnType<typeof trialOf>;

/** An action with stores of its own, before a target that accepts. */
function trialOf({ action, folder, target: running }: Contract) {
  const target = running();
  const original = actionFixtureIn(folder, target.url);
  const called: OutboundRequest[] = [];
  const clock = testClock();
  const { boards, origins, ownAccounts, commitStatuses } = memoryStores({ clock });
  target.play({ exchange: original.exchange });

  const ended: string[] = [];
  /** One attempt of the action as a process makes it that has just started. */
  async function run(changes: Changes = {}): Promise<ActionOutcome> {
    try {
      const outcome = await attempt(changes);
      ended.push(JSON.stringify(outcome));
      return outcome;
    } catch (error) {
      ended.push(inspect(error));
      throw error;
    }
  }

  function attempt(changes: Changes): Promise<ActionOutcome> {
    const { fixture = original } = changes;
    const recorded: CallOut = (request) => {
      called.push(request);
      return callOut(request);
    };
    const secrets = secretsOf(changes.environment ?? fixture.environment);
    const connected = action.connect(
      { route: "fixture", targetName: "fixture", target: fixture.target, options: fixture.options },
      actionDeps({ secrets, clock, callOut: recorded, boards, origins, ownAccounts, commitStatuses }),
    );
    const { busEvent = fixture.busEvent, attempt: number = 1, signal = new AbortController().signal } = changes;
    return connected.run({ busEvent, origin: fixture.origin, originProof: "proved", attempt: number, signal });
  }

  /** Spellings of secrets that an outcome or a fault has, also of what the action made of secrets for `authorization`. */
  function spokenSecrets(): readonly string[] {
    const credentials = called.flatMap(({ headers }) => headers["authorization"]?.replace(/^\S+ /, "") ?? []);
    const secrets = new Set([...Object.values(original.environment), ...credentials]);
    return [...secrets]
      .flatMap((secret) => [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64")])
      .filter((spelling) => ended.some((text) => text.includes(spelling)));
  }

  return {
    target,
    fixture: original,
    clock,
    called,
    run,
    spokenSecrets,
    /** One attempt whose target fails from the request number `at` on. A request that is never answered ends it. */
    runWithFailure(at: number, how: TargetFailure): Promise<ActionOutcome> {
      const controller = new AbortController();
      target.play({ exchange: original.exchange, failure: { at, how }, onSilence: () => controller.abort() });
      return run({ signal: controller.signal });
    },
    /** The idempotency keys of the requests that change something. */
    keysOfChanges: () =>
      target
        .requests()
        .filter(({ method }) => method !== "GET")
        .map((request) => idempotencyKeyIn(request, original.idempotencyKey)),
  };
}
