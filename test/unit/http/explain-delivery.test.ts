import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BUS_EVENT_FIELDS, type Field, isValue } from "../../../shared/config/checks/bus-event-fields.ts";
import { epochMillis, toIso } from "../../../shared/host/clock.ts";
import { CONFINED_FIELDS } from "../../../shared/http/confined-fields.ts";
import type { ShownDelivery } from "../../../shared/http/deliveries.ts";
import { explainDelivery } from "../../../shared/http/explain-delivery.ts";
import type { Mark } from "../../../shared/http/explain-route.ts";
import { shownOutcome } from "../../../shared/http/shown-outcome.ts";
import { type KnownAction, outcomeOf, type RouteOutcome } from "../../../shared/model/delivery-state.ts";
import type { TimelineEvent } from "../../../shared/model/timeline.ts";
import { matches } from "../../../shared/routes/matches.ts";
import { compilePattern } from "../../../shared/routes/pattern.ts";
import type { RoutePattern } from "../../../shared/routes/route-pattern.ts";
import { propertyCases } from "../../support/property-cases.ts";
import { aPattern } from "../routes/random.ts";

const AT = "2026-11-02T09:00:00.000Z";
const LATER = "2026-11-02T09:01:00.000Z";
const ID = "d-twp4klpzkhwviq4i4tluhixvtv";

const PERSON = {
  id: "oidc:mia",
  issuer: "https://id.example.test",
  subject: "mia",
  method: "oidc",
  credential: "k",
  roles: [],
} as const;
const principal = { issuer: "drawbridge:source", subject: "gitlab", method: "standard-webhooks", roles: [] };
const push: ShownDelivery = {
  delivery: {
    id: ID,
    source: "gitlab",
    provider: "gitlab",
    receivedAt: AT,
    outcome: "event",
    what: "code.pushed",
    subject: "platform/docs Main",
    principal: { ...principal, credential: "next" },
    requestId: "r-1",
    bodyDigest: "",
    bodyBytes: 1,
  },
  events: [
    {
      source: "drawbridge.gitlab",
      "detail-type": "code.pushed",
      time: AT,
      detail: {
        id: ID,
        delivery: ID,
        type: "code.pushed",
        source: "/sources/gitlab",
        time: AT,
        subject: "platform/docs Main",
        eventKey: "e-1",
        principal: { id: "source:gitlab", issuer: "drawbridge:source", subject: "gitlab", roles: [] },
        code: {
          project: "platform/docs",
          ref: "refs/heads/Main",
          name: "Main",
          change: "updated",
          commits: [],
          commitCount: 0,
        },
      },
    },
  ],
  timeline: [],
};

const PATTERNS: readonly RoutePattern[] = [
  route("wiki-build", { source: ["drawbridge.confluence"] }),
  route("tag-build", { "detail-type": ["code.tagged"] }),
  route("push-build", { "detail-type": ["code.pushed"], detail: { code: { name: ["main"] } } }),
];

function route(name: string, when: object): RoutePattern {
  const compiled = compilePattern(when);
  if (!compiled.ok) throw new Error(compiled.problems.map(({ message }) => message).join("; "));
  return { name, pattern: compiled.pattern, target: "listener", mode: "enforce", reporter: "cluster" };
}

const explain = (changes: Partial<ShownDelivery> = {}, { patterns = PATTERNS, isConfined = false } = {}) =>
  explainDelivery({ ...push, ...changes }, { patterns, isConfined });

const line = { at: LATER, route: "push-build", action: "tekton" } as const;
const scheduled = { ...line, kind: "scheduled" } as const;
const attempt = { ...line, kind: "attempt", attempt: 1, durationMs: 5, summary: "accepted by the listener" } as const;
const accepted = { ...attempt, outcome: "accepted" } as const;
const waiting = (waitsFor: string | undefined) =>
  ({ ...line, kind: "waiting", summary: "it waits", ...(waitsFor && { waitsFor }) }) as const;
const run = { route: "push-build", action: "tekton", acceptedAt: LATER, requests: 1 } as const;

describe("the answer about a delivery", () => {
  it("a delivery that no route matched has the nearest route with the field that missed, and a command to test it", () => {
    const { answer, mark, checks, routes } = explain();
    expect([mark, answer]).toEqual([
      "warn",
      'No route fired. The nearest is push-build. No match: detail.code.name is "Main", wants "main" (only upper and lower case differ).',
    ]);
    expect(checks[0]?.command).toBe(`drawbridge route test push-build --delivery ${ID}`);
    expect(routes.map((one) => [one.route, one.matched])).toEqual([
      ["push-build", false],
      ["tag-build", false],
      ["wiki-build", false],
    ]);
  });

  it.each<readonly [string, Partial<ShownDelivery>, string, string]>([
    ["due", { timeline: [scheduled] }, "busy", "Its action is due."],
    [
      "a retry",
      { timeline: [scheduled, { ...attempt, outcome: "retry", attempt: 2, summary: "ECONNREFUSED", nextAt: AT }] },
      "warn",
      `Attempt 2 failed at ${LATER}: ECONNREFUSED. The next is at ${AT}.`,
    ],
    [
      "a refusal by the target",
      {
        timeline: [
          scheduled,
          { ...attempt, outcome: "retry" },
          { ...attempt, attempt: 2, outcome: "give_up", summary: "refused (400): no such trigger" },
        ],
      },
      "bad",
      `Attempt 2 was given up at ${LATER}: refused (400): no such trigger. Earlier attempts: 1.`,
    ],
    [
      "an expected run",
      { timeline: [scheduled, accepted], runs: [{ ...run, state: "expecting_run", next: "end", nextAt: LATER }] },
      "busy",
      `No run is reported yet. Without a report the wait ends at ${LATER}.`,
    ],
    [
      "a run that was reported",
      { timeline: [scheduled, accepted], runs: [{ ...run, state: "reported", reportedAt: LATER, reportedBy: "d-2" }] },
      "good",
      `Its run was first reported at ${LATER}, by d-2.`,
    ],
    [
      "a run whose reports stopped",
      {
        timeline: [scheduled, accepted],
        runs: [{ ...run, state: "reported", reportedAt: AT, noReportSince: LATER }],
      },
      "warn",
      `Its run was first reported at ${AT}. It has not ended, and there is no report since ${LATER}.`,
    ],
    [
      "a run that is missing",
      {
        timeline: [scheduled, accepted, { ...line, kind: "run", state: "missing", summary: "no run. Look for it" }],
        runs: [{ ...run, state: "accepted_without_run" }],
      },
      "bad",
      "no run. Look for it.",
    ],
    [
      "a missing role",
      {
        timeline: [
          {
            at: LATER,
            route: "push-build",
            kind: "denied",
            mode: "enforce",
            refusal: { reason: "role_missing", role: "ops" },
          },
        ],
      },
      "bad",
      "It did not fire: the sender may not. role_missing (role ops).",
    ],
    [
      "an open approval",
      { timeline: [{ at: LATER, route: "push-build", kind: "approval", approval: "p-1", state: "requested" }] },
      "busy",
      `Approval p-1 was requested at ${LATER}.`,
    ],
    [
      "an open approval that an account with a number asked for",
      {
        events: push.events.map((event) => ({
          ...event,
          detail: { ...event.detail, actor: { id: "58", name: "Ines Okafor", username: "ines" } },
        })),
        timeline: [
          {
            ...{ at: LATER, route: "push-build", kind: "approval", approval: "p-1", state: "requested" },
            by: {
              issuer: "drawbridge:source",
              subject: "gitlab",
              method: "token",
              credential: "k",
              roles: [],
              actor: "58",
            },
          },
        ],
      },
      "busy",
      `Approval p-1 was requested by Ines Okafor (58 of gitlab) at ${LATER}.`,
    ],
    [
      "an action that something newer replaced",
      { timeline: [scheduled, { ...attempt, outcome: "done", endedAs: "superseded", summary: "a newer run waits" }] },
      "quiet",
      `It ended at ${LATER}: a newer run waits.`,
    ],
    [
      "an action that had nothing to write to",
      {
        timeline: [
          scheduled,
          { ...attempt, outcome: "done", endedAs: "nothing_to_do", summary: "no page is concerned" },
        ],
      },
      "quiet",
      `It ended at ${LATER}: no page is concerned.`,
    ],
    ["a cut chain", { timeline: [{ ...line, kind: "cut", hops: 8 }] }, "bad", "It did not fire: 8 runs in a row"],
    [
      "a repeat",
      { timeline: [{ ...line, kind: "already_scheduled", by: "d-1" }] },
      "quiet",
      "The delivery d-1 reported the same event first",
    ],
  ])("the answer is the state of the route for %s", (_, changes, mark, text) => {
    const explained = explain(changes);
    expect(explained.mark).toBe(mark);
    expect(explained.answer).toContain(`Route push-build: ${text}`);
  });

  it.each<readonly ["granted" | "fired" | "denied" | "withdrawn" | "expired" | "superseded" | "void", string]>([
    ["granted", "It runs when its turn comes."],
    ["fired", "It runs when its turn comes."],
    ["denied", "Nothing runs: it ends when its turn comes."],
    ["withdrawn", "Nothing runs: it ends when its turn comes."],
    ["expired", "Nothing runs: it ends when its turn comes."],
    ["superseded", "Nothing runs: it ends when its turn comes."],
    ["void", "Nothing runs: it ends when its turn comes."],
  ])(
    "after an approval is %s, nothing says that its run waits for people, whether its action ran since or not",
    (state, closing) => {
      const about = { at: LATER, route: "push-build", action: "tekton" } as const;
      const asked = [
        scheduled,
        { ...about, kind: "approval", approval: "p-1", state: "requested" },
        { ...about, kind: "waiting", summary: "needs approval p-1 by lead", waitsFor: "lead" },
      ] as const;
      const emergency = state === "granted" ? ({ emergency: true } as const) : {};
      const decided = { ...about, kind: "approval", approval: "p-1", state, ...emergency } as const;
      const textsOf = (timeline: ShownDelivery["timeline"], routes: ShownDelivery["delivery"]["routes"] = []) =>
        explain({ delivery: { ...push.delivery, routes }, timeline }).routes[0]?.steps.map(({ text }) => text) ?? [];
      const waits = [{ route: "push-build", state: "waiting", since: LATER, waitsFor: "lead" }] as const;
      expect(textsOf(asked, waits).join(" ")).toMatch(/It waits: needs approval/);
      const early = textsOf([...asked, decided], waits);
      expect(early.at(-1)).toBe(closing);
      const later = textsOf([...asked, decided, { ...attempt, outcome: "done", summary: "so it was" }]);
      for (const texts of [early, later]) expect(texts.join(" ")).not.toMatch(/wait/i);
    },
  );

  it("a run that was reported before its request was accepted has run", () => {
    const routes = [{ route: "push-build", state: "ran", since: LATER }] as const;
    const explained = explain({ delivery: { ...push.delivery, routes }, timeline: [scheduled, accepted] });
    expect([explained.mark, explained.answer]).toEqual(["good", "Route push-build: Its run was reported."]);
    expect(explained.routes[0]?.checks).toEqual([]);
  });

  it("of several routes, the worst is the answer", () => {
    const other = { ...attempt, route: "tag-build", outcome: "give_up", summary: "refused" } as const;
    const explained = explain({ timeline: [{ ...attempt, outcome: "done" }, other] });
    expect([explained.mark, explained.routes[0]?.route]).toEqual(["bad", "tag-build"]);
    expect(explained.routes[0]?.steps[0]?.text).toMatch(/^It matched then. Today's pattern does not: detail-type is /);
  });

  it.each<readonly [string, Partial<ShownDelivery["delivery"]>, Partial<ShownDelivery>, string]>([
    [
      "refused",
      { outcome: "refused", refusedFor: { reason: "role_missing", role: "x" } },
      {},
      "It was refused: role_missing.",
    ],
    [
      "refused to a reader",
      { outcome: "audit", what: "read_refused", refusedFor: { reason: "role_missing", role: "x" } },
      {},
      "A read was refused: role_missing. Nothing was to happen, so nothing is missing.",
    ],
    [
      "refused at a gateway",
      { outcome: "audit", what: "upstream_refused", refusedFor: { reason: "scope_forbidden", scope: "push" } },
      {},
      "A gateway was made to refuse a request: scope_forbidden.",
    ],
    [
      "passed in shadow mode",
      {
        outcome: "audit",
        what: "upstream_refused_in_shadow",
        shadowRejection: { reason: "scope_forbidden", scope: "push" },
      },
      {},
      "Shadow mode let a request pass that is to be refused: scope_forbidden.",
    ],
    ["unusable", { outcome: "unusable", what: "no project" }, {}, "It could not be read: no project."],
    [
      "ignored",
      { outcome: "ignored", what: "Note Hook" },
      {},
      'It was ignored: the bridge publishes no event for "Note Hook".',
    ],
    ["a repeat", { repeats: "d-1" }, {}, "It repeats d-1, and no route acted on it by itself."],
    ["not published", { unrelayed: true }, {}, "It is not published yet: the next sweep publishes it."],
    [
      "the bridge's own edit",
      {},
      { timeline: [{ at: AT, kind: "ignored", reason: "own_account", account: "bot" }] },
      "It was not published: the bridge itself made this change.",
    ],
  ])("the answer about a delivery that is %s says so", (_, delivery, more, answer) => {
    const isEvent = (delivery.outcome ?? "event") === "event";
    const changes = { delivery: { ...push.delivery, ...delivery }, ...(!isEvent && { events: [] }), ...more };
    expect(explain(changes).answer).toBe(answer);
  });
});

describe("a route that led to another target when it acted", () => {
  it("names the target of then, as the state of the route does, and says that it has changed", () => {
    const acted = { route: "push-build", target: "old-listener", state: "given_up", since: AT } as const;
    const { routes } = explain({ delivery: { ...push.delivery, routes: [acted] }, timeline: [scheduled] });
    expect(routes[0]?.target).toBe("old-listener");
    expect(routes[0]?.steps[0]).toEqual({
      mark: "warn",
      text: "It matched then, for old-listener. Today the route leads to listener.",
    });
    const same = { ...push.delivery, routes: [{ ...acted, target: "listener" }] };
    const [match] = explain({ delivery: same, timeline: [scheduled] }).routes[0]?.steps ?? [];
    expect(match?.text).not.toContain("Today the route leads to");
  });

  it("names it also if the route is no longer configured, and today's if its action has expired", () => {
    const acted = { route: "push-build", target: "old-listener", state: "given_up", since: AT } as const;
    const changes = { delivery: { ...push.delivery, routes: [acted] }, timeline: [scheduled] };
    expect(explain(changes, { patterns: [] }).routes[0]).toMatchObject({ route: "push-build", target: "old-listener" });
    expect(explain({ timeline: [scheduled] }).routes[0]?.target).toBe("listener");
  });
});

describe("a route that matches a delivery and did not act on it", () => {
  it.each<readonly [string, Partial<ShownDelivery>, readonly Mark[], string]>([
    [
      "the bridge's own edit",
      { timeline: [{ at: AT, kind: "ignored", reason: "own_account", account: "bot" }] },
      ["quiet"],
      "It matches. It was not published: the bridge itself made this change.",
    ],
    [
      "an event in the outbox",
      { delivery: { ...push.delivery, unrelayed: true } },
      ["warn"],
      "It matches. It is not published yet: the next sweep publishes it.",
    ],
    [
      "a route that was added later",
      {},
      ["warn"],
      "It matches today, and did not fire: the route was added or changed later, or the event is not published yet.",
    ],
  ])("says why it did not fire: %s", (_, changes, marks, text) => {
    const patterns = [route("all-pushes", { "detail-type": ["code.pushed"] })];
    const { routes, checks } = explain(changes, { patterns });
    expect(routes.map(({ steps }) => steps)).toEqual([marks.map((mark) => ({ mark, text }))]);
    // To test a route against an edit of the bridge itself helps nobody.
    expect(checks.length > 0).toBe(!text.includes("the bridge itself"));
  });
});

/** How good or bad the end of a route may look in an explanation, by its state. */
const MARKS_OF: Readonly<Record<RouteOutcome["state"], readonly Mark[]>> = {
  given_up: ["bad"],
  accepted_without_run: ["bad"],
  cut: ["bad"],
  retrying: ["warn"],
  waiting: ["busy"],
  pending: ["busy"],
  expecting_run: ["busy"],
  ran: ["good"],
  not_fired: ["bad", "quiet"],
  superseded: ["quiet"],
  repeat: ["quiet"],
};

const someLine: fc.Arbitrary<TimelineEvent> = fc
  .record({ seconds: fc.integer({ min: 1, max: 99 }), route: fc.constantFrom("push-build", "tag-build") })
  .chain(({ seconds, route: name }) => {
    const about = { at: epochMillis(Date.parse(AT) + seconds * 1_000), route: name, action: "tekton" };
    const lines = fc.oneof(
      fc.constantFrom(
        { kind: "scheduled" } as const,
        { kind: "already_scheduled", by: "d-first" } as const,
        { kind: "cut", hops: 8 } as const,
        { kind: "waiting", summary: "the target is paused", waitsFor: "the target ci" } as const,
        { kind: "waiting", summary: "the page is leased" } as const,
      ),
      fc.record({
        kind: fc.constant("attempt" as const),
        outcome: fc.constantFrom("done", "accepted", "retry", "give_up"),
        attempt: fc.constant(1),
        summary: fc.constant("so it was"),
        durationMs: fc.constant(5),
      }),
      fc.record({
        kind: fc.constant("run" as const),
        state: fc.constantFrom("missing", "not_created", "reported"),
        summary: fc.constant("so it was"),
      }),
      fc.record({
        kind: fc.constant("approval" as const),
        approval: fc.constant("p-1"),
        state: fc.constantFrom("requested", "granted", "denied", "withdrawn"),
      }),
    );
    const replayed = { kind: "replayed", delivery: "d-again", routes: [name], isRollback: false, by: PERSON } as const;
    return fc.oneof(
      { weight: 5, arbitrary: lines.map((line) => ({ ...about, ...line })) },
      fc.constant({ ...replayed, at: about.at }),
    );
  });

const someAction: fc.Arbitrary<KnownAction | undefined> = fc.option(
  fc.record(
    {
      state: fc.constantFrom("due", "expecting_run", "accepted_without_run", "done", "gave_up"),
      target: fc.constant("listener"),
      attention: fc.record({
        state: fc.constantFrom("given_up", "retrying", "waiting", "cut"),
        since: fc.constant(epochMillis(Date.parse(LATER))),
      }),
      report: fc.constant({ at: epochMillis(Date.parse(LATER)) }),
    },
    { requiredKeys: ["state", "target"] },
  ),
  { nil: undefined },
);

describe("the explanation and the state of a delivery", () => {
  it("each route ends as its state says, and the answer is no better than the worst state", () => {
    fc.assert(
      fc.property(
        fc.array(someLine, { maxLength: 6 }),
        fc.record({ "push-build": someAction, "tag-build": someAction }),
        fc.boolean(),
        (lines, actions, unrelayed) => {
          // An approval is asked for by an action that was scheduled.
          const all = lines.flatMap((line): readonly TimelineEvent[] => {
            if (line.kind !== "approval") return [line];
            return [{ kind: "scheduled", at: line.at, route: line.route, action: "tekton" }, line];
          });
          const sorted = all.toSorted((one, other) => one.at - other.at);
          const outcome = outcomeOf({
            delivery: { outcome: "event", receivedAt: epochMillis(Date.parse(AT)), ...(unrelayed && { unrelayed }) },
            timeline: sorted,
            actionOf: ({ route: name }) => (name === "push-build" ? actions[name] : actions["tag-build"]),
            now: epochMillis(Date.parse(LATER)),
          });
          const timeline = sorted.map((line) => ({ ...line, at: toIso(line.at) })) as ShownDelivery["timeline"];
          const delivery = { ...push.delivery, ...(unrelayed && { unrelayed }), ...shownOutcome(outcome) };
          const explained = explain({ delivery, timeline });
          for (const { route: name, state } of outcome?.routes ?? []) {
            const { steps = [] } = explained.routes.find((one) => one.route === name) ?? {};
            expect(MARKS_OF[state], `${state}: ${steps.at(-1)?.text}`).toContain(steps.at(-1)?.mark);
          }
          if (outcome?.state === "pending" && unrelayed) expect(explained.answer).toMatch(/not published yet/);
          else if (outcome?.routes[0] !== undefined)
            expect(["bad", ...MARKS_OF[outcome.routes[0].state]]).toContain(explained.mark);
        },
      ),
      propertyCases("the explanation and the state"),
    );
  });

  it.each<readonly [string, RouteOutcome["state"], object, ShownDelivery["timeline"], string]>([
    [
      "a failure that was run again",
      "superseded",
      { of: "d-again" },
      [scheduled, { ...attempt, outcome: "give_up", summary: "refused" }],
      "It was run again as d-again, which counts for it.",
    ],
    [
      "a failure after which the target was paused",
      "waiting",
      { waitsFor: "the target ci", why: "the target is paused" },
      [scheduled, { ...attempt, outcome: "retry", summary: "down" }],
      "It waits for the target ci: the target is paused.",
    ],
    [
      "a run that was reported after its action was given up",
      "ran",
      {},
      [scheduled, { ...attempt, outcome: "give_up", summary: "no response" }],
      "Its run was reported.",
    ],
  ])("the answer about %s is its state", (_, state, more, timeline, text) => {
    const routes = [{ route: "push-build", state, since: LATER, ...more }];
    expect(explain({ delivery: { ...push.delivery, routes }, timeline }).answer).toBe(`Route push-build: ${text}`);
  });

  it("a delivery that is published in a moment is not said to match no route", () => {
    const { answer, mark } = explain({ delivery: { ...push.delivery, state: "pending" } });
    expect([mark, answer]).toEqual(["busy", "It is not published yet. That takes moments."]);
  });
});

describe("the steps and checks", () => {
  it("the proof names the credential, and shadow mode says what it let in", () => {
    expect(explain().steps[0]?.text).toBe(
      'Proved by standard-webhooks with the secret "next", as gitlab of drawbridge:source, with no roles.',
    );
    const shadowRejection = { reason: "signature_mismatch", header: "webhook-signature" } as const;
    const [proof] = explain({ delivery: { ...push.delivery, shadowRejection } }).steps;
    expect(proof).toMatchObject({
      mark: "warn",
      text: expect.stringContaining("It would be refused: signature_mismatch"),
    });
  });

  it("a run that did not come back has three causes, each with a command, and is not replayed while it is expected", () => {
    const checksOf = (state: "expecting_run" | "accepted_without_run") =>
      explain({ timeline: [scheduled, accepted], runs: [{ ...run, state }] }).routes[0]?.checks ?? [];
    const causes = ["drawbridge check --live listener", "drawbridge explain cluster"];
    expect(checksOf("accepted_without_run").map(({ command }) => command)).toEqual([
      ...causes,
      `drawbridge events replay ${ID} --route push-build`,
    ]);
    expect(checksOf("expecting_run").map(({ command }) => command)).toEqual(causes);
  });

  it.each([
    [
      "a paused target is resumed, and nothing is replayed",
      [scheduled, waiting("target listener to be resumed")],
      ["drawbridge targets list", "drawbridge targets resume listener"],
    ],
    [
      "a target that keeps failing is tried too",
      [scheduled, { ...attempt, outcome: "retry" }, waiting("target listener to work again")],
      ["drawbridge check --live listener", "drawbridge targets list", "drawbridge targets resume listener"],
    ],
    [
      "an action that is retried is not replayed",
      [scheduled, { ...attempt, outcome: "retry" }],
      ["drawbridge check --live listener", "drawbridge secrets", "drawbridge targets list"],
    ],
    ["an action that waits for its turn needs nothing", [scheduled, waiting(undefined)], []],
  ] as const)("the checks fit what the action waits for: %s", (_, timeline, commands) => {
    expect(explain({ timeline }).routes[0]?.checks.map(({ command }) => command)).toEqual(commands);
  });

  it("what followed is listed, and a claim is called one", () => {
    const timeline = [{ at: AT, kind: "followed_by", delivery: "d-2", what: "build.failed", claimed: true }] as const;
    expect(explain({ timeline }).followed).toEqual(["build.failed (d-2), as it claims"]);
  });

  it("a replay for other routes does not count as a miss", () => {
    const [event] = push.events;
    if (event === undefined) throw new Error("it has an event");
    const replay = { of: "d-0", routes: ["other"], isRollback: false };
    const events = [{ ...event, detail: { ...event.detail, replay } }];
    const patterns = [route("push-build", { "detail-type": ["code.pushed"] })];
    expect(explain({ events }, { patterns }).routes[0]?.steps[0]?.text).toContain("runs another one again");
  });

  it.each([
    [true, "The bridge recorded it, because there was no report since 2026-11-02T14:02:00.000Z: it repeats d-0"],
    [false, "The bridge recorded it, because the run was reported again: it repeats d-0"],
  ])("the copy of a report says why the bridge recorded it (overdue: %s)", (isOverdue, text) => {
    const [event] = push.events;
    if (event === undefined) throw new Error("it has an event");
    const lastReport = { at: "2026-11-02T14:02:00.000Z", isOverdue, turn: 1 };
    const replay = { of: "d-0", routes: ["page"], isRollback: false, lastReport };
    const events = [{ ...event, detail: { ...event.detail, replay } }];
    expect(explain({ events }).steps.map((step) => step.text)).toContain(`${text}, for the routes page.`);
  });

  it("a route that matches today and has no line was added later", () => {
    const patterns = [route("new", { "detail-type": ["code.pushed"] })];
    expect(explain({}, { patterns }).answer).toContain("It matches today, and did not fire");
  });
});

/** The names of all fields with a value, and one below each field that may have any names below it. */
function fieldNames(field: Field, name = ""): readonly string[] {
  if (field === "any") return [`${name}.anything`];
  if (isValue(field)) return [name];
  // Lists and blocks.
  if (Array.isArray(field)) return fieldNames(field[0], name);
  return Object.entries(field).flatMap(([part, below]) => fieldNames(below, name === "" ? part : `${name}.${part}`));
}

describe("a caller who may read only some deliveries", () => {
  const patterns = [
    route("own", { detail: { code: { project: ["platform/docs"], name: ["main"] } } }),
    route("foreign", { detail: { code: { project: ["secret/plans"] } } }),
    route("wiki", { source: ["drawbridge.confluence"], detail: { page: { space: ["SECRET"] } } }),
  ];

  it("the caller sees no route for another project or source, and no name of one", () => {
    const explained = explain({}, { patterns, isConfined: true });
    expect(explained.routes.map((one) => one.route)).toEqual(["own"]);
    expect(JSON.stringify(explained)).not.toMatch(/secret\/plans|SECRET|foreign|wiki/);
    expect(explained.otherRoutes).toBe(2);
  });

  /** What the caller sees of a route that misses in this field. */
  const missing = (field: string, and: object = {}) => {
    const [name = "", ...parts] = field.split(".").toReversed();
    const pattern = parts.reduce<object>((inner, part) => ({ [part]: inner }), { [name]: ["secret-7"] });
    const other = route("other", { ...and, ...pattern });
    return explain({}, { patterns: [other], isConfined: true });
  };

  it.each([
    "detail.subject",
    "detail.page.id",
    "detail.attachment.page",
    "detail.change.sourceProject",
    "detail.build.pipelineId",
    "detail.build.results.version",
    "detail.code.addedLater",
    "addedLater",
  ])("a route that misses in %s is not shown, because the value may name what the caller may not know", (field) => {
    const explained = missing(field, { "detail-type": ["code.pushed"] });
    expect(explained.otherRoutes).toBe(1);
    expect(JSON.stringify(explained)).not.toContain("secret-7");
  });

  it("every field of an event is hidden until it is listed, and every listed one is a field of an event", () => {
    const fields = fieldNames(BUS_EVENT_FIELDS);
    expect(CONFINED_FIELDS.filter((field) => !fields.includes(field))).toEqual([]);
    const shown = fields.filter((field) => JSON.stringify(missing(field)).includes("secret-7"));
    expect(shown).toEqual(fields.filter((field) => CONFINED_FIELDS.includes(field)));
  });

  it("no listed field names a thing or a person: no id, address, project, page, source, person or text", () => {
    const naming =
      /source$|project|space|namespace|environment|pipeline|site|page$|id$|url|by$|actor|author|user|title|text/i;
    expect(CONFINED_FIELDS.filter((field) => naming.test(field))).toEqual([]);
  });

  it("a route that acted on the delivery and is for another project now does not name it", () => {
    const timeline = [{ ...scheduled, route: "foreign" }];
    const [first] = explain({ timeline }, { patterns, isConfined: true }).routes;
    expect(first?.steps[0]?.text).toBe("It matched then. Today's pattern does not.");
  });
});

describe("any patterns", () => {
  it("a route without lines is said to match exactly if the matcher says so, and nothing throws", () => {
    fc.assert(
      fc.property(fc.array(aPattern, { maxLength: 4 }), (sources) => {
        const patterns = sources.flatMap((source, at) => {
          const compiled = compilePattern(source);
          return compiled.ok
            ? [{ name: `r${at}`, pattern: compiled.pattern, target: "t", mode: "enforce" as const }]
            : [];
        });
        const { routes } = explain({}, { patterns });
        for (const { name, pattern } of patterns) {
          const text = routes.find((one) => one.route === name)?.steps[0]?.text ?? "";
          expect(text.startsWith("It matches today")).toBe(matches(pattern, push.events[0]));
        }
      }),
      propertyCases("explained deliveries", { weight: 2 }),
    );
  });
});
