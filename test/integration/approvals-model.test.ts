import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { DAYS, rulesIn } from "../../shared/approvals/configured-rules.ts";
import type { Verdict } from "../../shared/approvals/decide.ts";
import { grantRulesOf } from "../../shared/config/grant-rules.ts";
import type { OutboundResponse } from "../../shared/host/call-out.ts";
import { epochMillis, toIso } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import type { ActionContext, ActionOutcome } from "../../shared/model/action-outcome.ts";
import type { ApprovalState } from "../../shared/model/approval.ts";
import type { PageEvent } from "../../shared/model/event.ts";
import { approvalIdOf, deliveryIdOf } from "../../shared/model/idempotency-keys.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { openMemoryTable } from "../../shared/store/sqlite/open.ts";
import type { SqliteTable } from "../../shared/store/sqlite/table.ts";
import { EDITOR, gatedBridge, holder } from "../support/gated-bridge.ts";
import { withMethods } from "../support/memory-stores.ts";
import { propertyCases } from "../support/property-cases.ts";
import { busEventOf, sampleDelivery } from "../support/samples.ts";
import { secretsOf, silentLog, testClock } from "../support/test-doubles.ts";

const SEEN_AFTER_MS = 60_000;
const APPROVAL_MS = 60 * 60_000;
const SITE = "https://wiki.example.test";
const ID = "98310";

/** A run that may wait, and all that the test knows about its approval. */
interface Request {
  readonly delivery: RecordedDelivery;
  /** The version that its event reports. */
  readonly version: number;
  /** Who may not approve it: the author, and the person who replayed it. */
  readonly behind: readonly string[];
  readonly isReplay: boolean;
  /** What the site had when the approval was requested; undefined until then. */
  mark: number | undefined;
  requestedAt: number;
  state: ApprovalState | undefined;
  /** A later event reported another version or the end. */
  isBroken: boolean;
  /** The people who have granted it. */
  readonly grants: Set<string>;
  /** The people who have granted it in an emergency. */
  readonly emergencies: string[];
  /** A rule has granted it. */
  isByRule: boolean;
}

/** A rule that grants the runs of one version of the page. */
interface Rule {
  readonly version: number;
  /** Whether it grants only in some minutes of each hour, which are others than those of the route. */
  readonly isHourly: boolean;
}

/** What the route asks for. */
interface Rules {
  readonly approvers: number;
  readonly fromRoles: readonly string[];
  readonly reason: "required" | "optional";
  /** Whether it fires only in the first minutes of each hour. */
  readonly isHourly: boolean;
  readonly outsideWindows: "wait" | "refuse";
}

/** Minutes of each hour in which an hourly route fires. */
const OPEN_MINUTES = 20;
const hourly = (from: number, to: number) =>
  Array.from({ length: 24 }, (_, hour) => {
    const at = String(hour).padStart(2, "0");
    return { days: DAYS, from: `${at}:${String(from).padStart(2, "0")}`, to: `${at}:${to}`, zone: "UTC" };
  });
const HOURLY = hourly(0, OPEN_MINUTES);
/** Minutes in which an hourly rule grants, in the first hours of a day: it has at most 20 windows. */
const RULE_MINUTES = [10, 40] as const;
const RULE_HOURS = 20;

/** The world as the test knows it: the page at the site, and the runs. */
interface Model {
  readonly isVerified: boolean;
  readonly rules: Rules;
  /** Whether the route names the emergency role now. */
  hasEmergency: boolean;
  /** The rule that the route has now. */
  rule: Rule | undefined;
  /** Undefined: the page is in the trash. */
  page: number | undefined;
  isReachable: boolean;
  readonly requests: Request[];
}

/** The editor has the role too, and may approve what others have requested. */
const MANAGERS = ["max", "mia", EDITOR];
/** Kim may do nothing else. */
const EMERGENCY = ["kim", "max", EDITOR];
const ON_CALL = "mia";
/** A token of the editor. */
const ANN = "ann";
const personOf = (actor: string): string => (actor === ANN ? EDITOR : actor);
const mayGrant = (person: string, { behind }: Request): boolean =>
  MANAGERS.includes(person) && !behind.includes(person);

/** Whether what a request is about is still the same, as far as the bridge can know it. */
const isIntact = ({ isVerified, page }: Model, { isBroken, mark }: Request): boolean =>
  !isBroken && (!isVerified || page === mark);

const isOpen = ({ rules }: Model, now: number): boolean => !rules.isHourly || minuteOf(now) < OPEN_MINUTES;

/** How many people are missing if these have granted: one from each role, and as many as the route asks for. */
function missingOf({ rules: { approvers, fromRoles } }: Model, grants: ReadonlySet<string>): number {
  const isOnCallMissing = fromRoles.length > 0 && !grants.has(ON_CALL);
  return Math.max(approvers - grants.size, isOnCallMissing ? 1 : 0);
}

const minuteOf = (now: number): number => Math.floor(now / 60_000) % 60;

/** Whether the rule of the route grants the run now. */
const isRuled = ({ rule }: Model, { version }: Request, now: number): boolean =>
  rule?.version === version &&
  (!rule.isHourly ||
    (Math.floor(now / 3_600_000) % 24 < RULE_HOURS &&
      minuteOf(now) >= RULE_MINUTES[0] &&
      minuteOf(now) < RULE_MINUTES[1]));

const hasValidEmergency = ({ hasEmergency }: Model, { emergencies }: Request): boolean =>
  hasEmergency && emergencies.length > 0;

/** Whether a granted run may fire, if its reference is the same. */
const mayFire = (model: Model, request: Request, now: number): boolean =>
  hasValidEmergency(model, request) ||
  ((missingOf(model, request.grants) === 0 || isRuled(model, request, now)) && isOpen(model, now));

const counts = { fired: 0, answeredRetry: 0, grantedTwice: 0, firedByEmergency: 0, waitedForWindow: 0, firedByRule: 0 };
afterAll(() => {
  // Otherwise the property holds because nothing ever happens.
  for (const [what, count] of Object.entries(counts)) expect([what, count > 0]).toEqual([what, true]);
});

/** The bridge over a table that can fail at any of its writes and reads, and that a new process opens again. */
class Real {
  readonly clock = testClock();
  readonly #database = openMemoryTable();
  readonly #model: Model;
  readonly #rules = new Map<string, ReturnType<typeof rulesIn>>();
  #bridge: Awaited<ReturnType<typeof gatedBridge>> | undefined;
  /** Calls of the table until the process dies; undefined: it does not. */
  #dies: { calls: number; readonly isAfterEffect: boolean } | undefined;
  #isDead = false;
  outcome: ActionOutcome = { outcome: "done", summary: "accepted by the listener" };
  readonly violations: unknown[] = [];
  #sent = 0;
  #lastSent: RecordedDelivery | undefined;

  constructor(model: Model) {
    this.#model = model;
    this.configure();
  }

  /** Applies the rules of the model, as a reload of the configuration does. */
  configure(): void {
    const { rules, hasEmergency } = this.#model;
    const { isHourly, ...rest } = rules;
    const emergency = hasEmergency ? ["incident"] : [];
    const grantedBy = this.#grantedBy();
    this.#rules.set("docs", rulesIn({ ...rest, windows: isHourly ? HOURLY : [], emergency, grantedBy }));
  }

  #grantedBy() {
    const { rule } = this.#model;
    if (rule === undefined) return [];
    const when = { event: { detail: { page: { version: [rule.version] } } }, requester: ["person"] };
    return [{ id: "version", when, windows: rule.isHourly ? hourly(...RULE_MINUTES).slice(0, RULE_HOURS) : [] }];
  }

  async bridge() {
    this.#bridge ??= await gatedBridge(
      [],
      { run: (context) => this.#fire(context), matches: ({ "detail-type": type }) => type === "page.updated" },
      [],
      silentLog,
      {
        clock: this.clock,
        database: { table: this.#table(), close: () => undefined },
        verifiers: this.#model.isVerified ? { docs: TARGET } : {},
        secrets: secretsOf({ TOKEN: "token" }),
        rules: this.#rules,
        grantRules: async () => grantRulesOf({ rules: [["docs", this.#grantedBy()]], presets: {} }),
        roles: ROLES,
        callOut: () => this.#ask(),
      },
    );
    return this.#bridge;
  }

  close(): void {
    this.#database.close();
  }

  dieIn(calls: number, isAfterEffect: boolean): void {
    this.#dies = { calls, isAfterEffect };
  }

  /** Runs one step, in which the process may die, and starts the process again if it did. */
  async live(step: () => Promise<unknown>): Promise<void> {
    this.#lastSent = undefined;
    try {
      await step();
    } catch (error) {
      if (!this.#isDead) throw error;
    }
    this.#dies = undefined;
    if (!this.#isDead) return;
    this.#isDead = false;
    this.#bridge = undefined;
    const { deliveries, takeIn } = await this.bridge();
    // The sender got no answer, so it sends the event again.
    if (this.#lastSent) await takeIn(this.#lastSent);
    for (const id of await deliveries.unrelayed(epochMillis(this.clock.now() + 3_600_000), 100)) {
      const left = await deliveries.get(id);
      if (left) await takeIn(left);
    }
  }

  async send(type: PageEvent["type"], version: number | undefined, given: Partial<PageEvent> = {}) {
    const n = String(++this.#sent);
    const receivedAt = this.clock.now();
    const { events, ...delivery } = sampleDelivery();
    const event: PageEvent = {
      ...events[0],
      type,
      keyParts: [n],
      time: toIso(receivedAt),
      page: { site: SITE, id: ID, ...(version !== undefined && { version }) },
      ...given,
    };
    const sent: RecordedDelivery = {
      ...delivery,
      id: deliveryIdOf("wiki", ["model", n]),
      receivedAt,
      what: type,
      events: [event],
    };
    this.#lastSent = sent;
    return { sent, take: async () => (await this.bridge()).takeIn(sent) };
  }

  #table(): SqliteTable {
    const { table } = this.#database;
    const dying =
      <Given extends readonly unknown[], Result>(call: (...given: Given) => Promise<Result>) =>
      async (...given: Given): Promise<Result> => {
        const dead = new Fault("store_unavailable", "the process died", { retryable: true });
        if (this.#isDead) throw dead;
        if (this.#dies === undefined || --this.#dies.calls > 0) return call(...given);
        this.#isDead = true;
        if (this.#dies.isAfterEffect) await call(...given);
        throw dead;
      };
    return withMethods(table, {
      create: dying(table.create.bind(table)),
      put: dying(table.put.bind(table)),
      change: dying(table.change.bind(table)),
      get: dying(table.get.bind(table)),
    });
  }

  async #ask(): Promise<OutboundResponse> {
    const { isReachable, page } = this.#model;
    if (!isReachable) throw new Fault("target_unreachable", "no connection", { retryable: true });
    const answer = {
      type: "page",
      title: "Release",
      status: "current",
      version: { number: page },
      body: { storage: { value: "" } },
      metadata: { labels: { results: [], size: 0 } },
    };
    const body = new TextEncoder().encode(JSON.stringify(page === undefined ? {} : answer));
    return { status: page === undefined ? 404 : 200, headers: new Headers(), body };
  }

  async #fire(context: ActionContext): Promise<ActionOutcome> {
    try {
      this.#check(context);
    } catch (violation) {
      // The bridge would take it for a failure of the action.
      this.violations.push(violation);
    }
    counts.fired += 1;
    return this.outcome;
  }

  /** What must hold whenever the route fires. */
  #check({ busEvent, approvedRef }: ActionContext): void {
    const request = this.#model.requests.find(({ delivery }) => delivery.id === busEvent.detail.delivery);
    if (request === undefined) throw new Error("something was fired that nobody requested");
    const { version, state } = request;
    const isByRule = isRuled(this.#model, request, this.clock.now());
    // A run that has fired is not counted again.
    const isAllowed = state === "fired" || mayFire(this.#model, request, this.clock.now());
    expect({
      isAllowed,
      isIntact: isIntact(this.#model, request),
      isReachable: !this.#model.isVerified || this.#model.isReachable,
      approvedRef,
      // A rule grants what it fires, in one step.
      state: ["granted", "fired", ...(isByRule ? ["requested", "none"] : [])].includes(state ?? "none"),
    }).toEqual({ isAllowed: true, isIntact: true, isReachable: true, approvedRef: String(version), state: true });
  }
}

const TARGET = {
  name: "pages",
  kind: "confluence",
  settings: { product: "data-center", site: SITE, credential: { bearer: "env:TOKEN" } },
};

/** Who decides what in a step, and whether they named the approval. */
interface Deciding {
  readonly actor: string;
  readonly isEmergency: boolean;
  readonly hasReason: boolean;
  readonly named: Request | undefined;
}

const FINAL: readonly (ApprovalState | undefined)[] = ["denied", "withdrawn", "expired", "superseded", "void", "fired"];

/** Compares each approval with its state before the step: every change of it must be allowed. */
async function compare(model: Model, real: Real, deciding: Deciding | undefined): Promise<void> {
  for (const violation of real.violations) throw violation;
  const { approvals } = await real.bridge();
  const now = real.clock.now();
  for (const request of model.requests) {
    const key = busEventOf(request.delivery)?.detail.eventKey ?? "";
    const approval = await approvals.get(approvalIdOf("docs", key));
    const { state: before } = request;
    if (approval === undefined) continue;
    if (before === undefined) {
      request.mark = request.isReplay ? model.page : request.version;
      request.requestedAt = approval.requestedAt;
    }
    const [grants, emergencies] = [false, true].map((isEmergency) =>
      approval.grants.filter(({ emergency = false, rule }) => emergency === isEmergency && rule === undefined),
    );
    if (approval.grants.some(({ rule }) => rule) && !request.isByRule) expectRule(request, model, now);
    if ((grants?.length ?? 0) > request.grants.size) expectGrant(request, model, now, deciding);
    if ((emergencies?.length ?? 0) > request.emergencies.length) expectEmergency(request, model, now, deciding);
    expect([grants?.length, emergencies?.length]).toEqual([request.grants.size, request.emergencies.length]);
    if (approval.state === before) continue;
    request.state = approval.state;
    const changed = `${before} to ${approval.state}`;
    expect(FINAL.includes(before), changed).toBe(false);
    const isDecided = ["denied", "withdrawn"].includes(approval.state);
    if (isDecided && deciding === undefined) throw new Error(`${changed} by nobody`);
    if (deciding === undefined || !isDecided) {
      expectState(approval.state, request, model, now);
      continue;
    }
    const { actor, named } = deciding;
    if (named !== undefined) expect(named, changed).toBe(request);
    const isSeen = named !== undefined || now - request.requestedAt >= SEEN_AFTER_MS;
    if (approval.state === "denied") expect([MANAGERS.includes(actor), isSeen]).toEqual([true, true]);
    if (approval.state === "withdrawn")
      expect([...MANAGERS, ...request.behind, ...request.emergencies]).toContain(actor);
  }
}

/** A grant counts for one person who may grant, whichever account or token it came from. */
function expectGrant(request: Request, model: Model, now: number, deciding: Deciding | undefined): void {
  if (deciding === undefined) throw new Error("granted by nobody");
  const { actor: person, named, isEmergency, hasReason } = deciding;
  const { grants } = request;
  const missing = missingOf(model, grants);
  expect({
    state: request.state,
    isEmergency,
    isNamed: named === undefined || named === request,
    isNew: !grants.has(person),
    mayGrant: mayGrant(person, request),
    isOfUse: missing === 0 || missingOf(model, new Set([...grants, person])) < missing,
    hasReason: hasReason || model.rules.reason === "optional",
    isAllowedNow: isOpen(model, now) || model.rules.outsideWindows === "wait",
    isIntact: isIntact(model, request),
    isSeen: named !== undefined || now - request.requestedAt >= SEEN_AFTER_MS,
    isInTime: now < request.requestedAt + APPROVAL_MS,
  }).toEqual({
    state: "requested",
    isEmergency: false,
    isNamed: true,
    isNew: true,
    mayGrant: true,
    isOfUse: true,
    hasReason: true,
    isAllowedNow: true,
    isIntact: true,
    isSeen: true,
    isInTime: true,
  });
  grants.add(person);
  if (grants.size === 2) counts.grantedTwice += 1;
}

/**
 * A rule grants only what it holds for, in a window of the route, before anybody has decided. The time to decide is that of
 * people: after it, the first check grants the run or records that it has expired.
 */
function expectRule(request: Request, model: Model, now: number): void {
  expect({
    isUndecided: [undefined, "requested"].includes(request.state),
    isRuled: isRuled(model, request, now),
    isOpen: isOpen(model, now),
    isIntact: isIntact(model, request),
    isReachable: !model.isVerified || model.isReachable,
  }).toEqual({ isUndecided: true, isRuled: true, isOpen: true, isIntact: true, isReachable: true });
  request.isByRule = true;
}

/** An emergency grant is by somebody who has the role and is not behind the run, with a reason, and changes something. */
function expectEmergency(request: Request, model: Model, now: number, deciding: Deciding | undefined): void {
  if (deciding === undefined) throw new Error("granted in an emergency by nobody");
  const { actor, named, isEmergency, hasReason } = deciding;
  const { state = "", behind, emergencies } = request;
  expect({
    isOpen: ["requested", "granted"].includes(state),
    isEmergency,
    isNamed: named === request,
    mayGrant: model.hasEmergency && EMERGENCY.includes(actor) && !behind.includes(actor),
    isOfUse: state === "requested" || !mayFire(model, request, now),
    hasReason,
    isIntact: isIntact(model, request),
    isInTime: state === "granted" || now < request.requestedAt + APPROVAL_MS,
  }).toEqual({
    isOpen: true,
    isEmergency: true,
    isNamed: true,
    mayGrant: true,
    isOfUse: true,
    hasReason: true,
    isIntact: true,
    isInTime: true,
  });
  emergencies.push(actor);
}

/** A state that follows from grants and rules, or an end that no person caused. */
function expectState(state: ApprovalState, request: Request, model: Model, now: number): void {
  const hasRule = request.isByRule && model.rule !== undefined;
  const isEnough = hasRule || hasValidEmergency(model, request) || missingOf(model, request.grants) === 0;
  if (state === "granted") expect(isEnough).toBe(true);
  if (state === "granted" && !mayFire(model, request, now)) counts.waitedForWindow += 1;
  if (state === "requested" && request.grants.size + request.emergencies.length > 0) expect(isEnough).toBe(false);
  if (state === "fired") expect(mayFire(model, request, now)).toBe(true);
  if (state === "void") expect([hasRule, isRuled(model, request, now)]).toEqual([true, false]);
  if (state === "fired" && request.isByRule) counts.firedByRule += 1;
  if (state === "fired" && hasValidEmergency(model, request)) counts.firedByEmergency += 1;
  if (state === "superseded") expect(isIntact(model, request)).toBe(false);
  if (state === "expired") expect(now).toBeGreaterThanOrEqual(request.requestedAt + APPROVAL_MS);
}

type Command = fc.AsyncCommand<Model, Real>;

/** A step takes a second, so that no two events have one time. */
function command(
  name: string,
  run: (model: Model, real: Real) => Promise<Deciding | undefined>,
  check: (model: Model) => boolean = () => true,
): Command {
  return {
    check,
    toString: () => name,
    run: async (model, real) => {
      real.clock.advance(1_000);
      const deciding: { of?: Deciding | undefined } = {};
      await real.live(async () => {
        deciding.of = await run(model, real);
      });
      await compare(model, real, deciding.of ?? lastDeciding);
    },
  };
}

/** Of a step in which the process died: it may have decided nevertheless. */
let lastDeciding: Deciding | undefined;
const decidingBy = (deciding: Deciding): Deciding => {
  lastDeciding = deciding;
  return deciding;
};

/** Somebody changes the page. `isReported`: the site sends its event. */
const edit = (version: number, isReported: boolean): Command =>
  command(`edit(${version}, ${isReported ? "reported" : "silent"})`, async (model, real) => {
    lastDeciding = undefined;
    model.page = version;
    if (!isReported) return undefined;
    const { sent, take } = await real.send("page.updated", version);
    for (const request of model.requests) request.isBroken ||= request.isReplay || request.version !== version;
    model.requests.push({ ...NEW, ...noGrants(), delivery: sent, version, behind: [EDITOR], isReplay: false });
    await take();
    return undefined;
  });

const noGrants = (): Pick<Request, "grants" | "emergencies" | "isByRule"> => ({
  grants: new Set(),
  emergencies: [],
  isByRule: false,
});
const NEW = { mark: undefined, requestedAt: 0, state: undefined, isBroken: false } as const;

const trash = (isReported: boolean): Command =>
  command(`trash(${isReported ? "reported" : "silent"})`, async (model, real) => {
    lastDeciding = undefined;
    model.page = undefined;
    if (!isReported) return undefined;
    for (const request of model.requests) request.isBroken = true;
    await (await real.send("page.trashed", undefined)).take();
    return undefined;
  });

const runDue = (ms: number): Command =>
  command(`pass(${ms})`, async (_, real) => {
    lastDeciding = undefined;
    real.clock.advance(ms);
    const { runDue: run } = await real.bridge();
    await run();
    return undefined;
  });

/** Time passes while the bridge has no time for what is due. */
const stall = (ms: number): Command =>
  command(`stall(${ms})`, async (_, real) => {
    lastDeciding = undefined;
    real.clock.advance(ms);
    return undefined;
  });

const requestAt = (model: Model, at: number): Request | undefined => model.requests.at(-1 - (at % 3));

const decide = (at: number, decision: Verdict["decision"], actor: string, reason?: string): Command =>
  command(
    `${decision}(${at}, ${actor}, ${reason})`,
    async (model, real) => {
      const named = requestAt(model, at);
      if (named?.state === undefined) return undefined;
      const isEmergency = decision === "emergency";
      const deciding = decidingBy({ actor: personOf(actor), named, isEmergency, hasReason: reason === REASON });
      const { decide: call } = await real.bridge();
      const by = holder(actor, rolesOf(personOf(actor)));
      await call(named.delivery, decision, actor === ANN ? by : { ...by, actor }, reason);
      return deciding;
    },
    (model) => requestAt(model, at)?.state !== undefined,
  );

/** Two people grant one after the other, and what is due then runs, which a random history seldom does. */
const grantTwice = (at: number): Command => ({
  check: (model) => requestAt(model, at)?.state !== undefined,
  toString: () => `grantTwice(${at})`,
  run: async (model, real) => {
    for (const actor of ["max", "mia"]) await decide(at, "grant", actor, REASON).run(model, real);
    await runDue(0).run(model, real);
  },
});

const REASON = "as agreed";
/** People see nothing of it. */
const NO_REASON = "\u202e \u200b";

/** Somebody fires a run in an emergency, which a random history seldom does at the right time. */
const fireInEmergency = (at: number): Command => ({
  check: (model) => requestAt(model, at)?.state !== undefined,
  toString: () => `fireInEmergency(${at})`,
  run: async (model, real) => {
    await decide(at, "emergency", "kim", REASON).run(model, real);
    await runDue(0).run(model, real);
  },
});

/** The route names the emergency role from now on, or no longer. */
const reconfigure = (hasEmergency: boolean): Command =>
  command(`reconfigure(${hasEmergency})`, async (model, real) => {
    lastDeciding = undefined;
    model.hasEmergency = hasEmergency;
    real.configure();
    return undefined;
  });

/** The route has this rule from now on, or none. */
const rule = (given: Rule | undefined): Command =>
  command(`rule(${given?.version}, ${given?.isHourly})`, async (model, real) => {
    lastDeciding = undefined;
    model.rule = given;
    real.configure();
    return undefined;
  });

const none = { call: [], fire: [], replay: [], approve: [], promote: [], summarise: [], pause: [] };
const ROLES = {
  manager: { ...none, approve: ["docs"] },
  "on-call": { ...none, approve: ["docs"], replay: ["*"] },
  incident: none,
};

const rolesOf = (actor: string): readonly string[] => [
  ...(MANAGERS.includes(actor) ? ["manager"] : []),
  ...(actor === ON_CALL ? ["on-call"] : []),
  ...(EMERGENCY.includes(actor) ? ["incident"] : []),
];

const label = (decision: "approve" | "deny", actor: string): Command =>
  command(`label(${decision}, ${actor})`, async (_, real) => {
    const deciding = decidingBy({ actor, named: undefined, isEmergency: false, hasReason: false });
    await (
      await real.send("page.labeled", undefined, { label: `drawbridge-${decision}`, actor: { id: actor } })
    ).take();
    return deciding;
  });

const comment = (
  decision: "grant" | "deny",
  actor: string,
  at: number | undefined,
  reason: string | undefined,
): Command =>
  command(`comment(${decision}, ${actor}, ${at}, ${reason})`, async (model, real) => {
    const named = at === undefined ? undefined : requestAt(model, at);
    const deciding = decidingBy({ actor, named, isEmergency: false, hasReason: reason === REASON });
    const { sent, take } = await real.send("page.commented", undefined, { actor: { id: actor } });
    await take();
    const busEvent = busEventOf(sent);
    const key = named && busEventOf(named.delivery)?.detail.eventKey;
    if (busEvent === undefined) throw new Error("it is an event");
    const { bridge } = await real.bridge();
    await bridge.commands.executeCommand({
      command: {
        decision,
        ...(reason !== undefined && { reason }),
        ...(key !== undefined && { approval: approvalIdOf("docs", key) }),
      },
      busEvent,
      actor,
      page: { site: SITE, id: ID },
      at: real.clock.now(),
      key: [sent.id],
    });
    return deciding;
  });

const replay = (at: number): Command => ({
  check: (model) => requestAt(model, at)?.isReplay === false,
  toString: () => `replay(${at})`,
  run: async (model, real) => {
    lastDeciding = undefined;
    real.clock.advance(1_000);
    const of = requestAt(model, at);
    if (of === undefined) return;
    await real.live(async () => (await real.bridge()).replay(of.delivery, holder("mia", rolesOf("mia"))));
    // The process may have died after it had recorded the replay.
    const delivery = await (await real.bridge()).deliveries.get(deliveryIdOf("api", ["replay", of.delivery.id]));
    const isKnown = model.requests.some((one) => one.delivery.id === delivery?.id);
    if (delivery && !isKnown) {
      const { version } = of;
      model.requests.push({ ...NEW, ...noGrants(), delivery, version, behind: [EDITOR, "mia"], isReplay: true });
    }
    await compare(model, real, undefined);
  },
});

const reach = (isReachable: boolean): Command =>
  command(`reach(${isReachable})`, async (model) => {
    lastDeciding = undefined;
    model.isReachable = isReachable;
    return undefined;
  });

const answer = (outcome: "done" | "retry"): Command =>
  command(`answer(${outcome})`, async (_, real) => {
    lastDeciding = undefined;
    if (outcome === "retry") counts.answeredRetry += 1;
    real.outcome = { outcome, summary: "by the listener" };
    return undefined;
  });

const die = (calls: number, isAfterEffect: boolean): Command => ({
  check: () => true,
  toString: () => `die(${calls}, ${isAfterEffect})`,
  run: async (_, real) => real.dieIn(calls, isAfterEffect),
});

const actors = fc.constantFrom("max", "mia", "max", "mia", "tom", EDITOR);
const index = fc.constantFrom(0, 0, 0, 1, 2);
const passes = fc.constantFrom(0, 0, 61_000, 61_000, 300_000, 1_200_000, APPROVAL_MS).map(runDue);
const reasons = fc.constantFrom(REASON, REASON, NO_REASON, undefined);
const grants = fc
  .tuple(index, fc.constant("grant" as const), fc.constantFrom("max", "mia"), fc.constant(REASON))
  .map((given) => decide(...given));
const rules: fc.Arbitrary<Rules> = fc.record({
  approvers: fc.constantFrom(1, 2),
  fromRoles: fc.constantFrom([], [], ["on-call"]),
  reason: fc.constantFrom("optional", "optional", "required"),
  isHourly: fc.boolean(),
  outsideWindows: fc.constantFrom("wait", "wait", "refuse"),
});

const RULES = fc.constantFrom<Rule | undefined>(
  undefined,
  undefined,
  { version: 1, isHourly: true },
  { version: 2, isHourly: false },
  { version: 3, isHourly: true },
);

const history = fc.commands<Model, Real, boolean>(
  [
    fc.tuple(fc.integer({ min: 1, max: 3 }), fc.constantFrom(true, true, false)).map((given) => edit(...given)),
    passes,
    passes,
    fc
      .tuple(
        index,
        fc.constantFrom("grant", "grant", "grant", "deny", "withdraw"),
        fc.oneof(actors, fc.constant(ANN)),
        reasons,
      )
      .map((given) => decide(...given)),
    fc
      .tuple(index, fc.constant("emergency" as const), fc.oneof(actors, fc.constantFrom("kim", ANN)), reasons)
      .map((given) => decide(...given)),
    index.map(fireInEmergency),
    fc.constantFrom(true, true, false).map(reconfigure),
    RULES.map(rule),
    grants,
    grants,
    index.map(grantTwice),
    index.map(grantTwice),
    fc.constantFrom(61_000, APPROVAL_MS).map(stall),
    fc.tuple(fc.constantFrom("approve", "approve", "deny"), actors).map((given) => label(...given)),
    fc
      .tuple(fc.constantFrom("grant", "grant", "deny"), actors, fc.option(index, { nil: undefined }), reasons)
      .map((given) => comment(...given)),
    index.map(replay),
    fc.boolean().map(trash),
    fc.constantFrom(true, true, false).map(reach),
    fc.constantFrom("done", "retry").map(answer),
    fc.tuple(fc.integer({ min: 1, max: 12 }), fc.boolean()).map((given) => die(...given)),
  ],
  { size: "+1", maxCommands: 40 },
);

/** The route gets a rule for the run that waits. */
const ruled = (isHourly: boolean): readonly Command[] => [rule({ version: 1, isHourly }), runDue(61_000)];

/** The rules, the minute of an hour, and what people decide first. */
interface Start {
  readonly ofRoute: Rules;
  readonly hasEmergency: boolean;
  readonly ruled: Rule | undefined;
  readonly minute: number;
  readonly decided: readonly Command[];
}

const starts: fc.Arbitrary<Start> = fc.record({
  ofRoute: rules,
  hasEmergency: fc.boolean(),
  ruled: RULES,
  minute: fc.nat(59),
  decided: fc.constantFrom<readonly Command[]>([], [grantTwice(0)], [fireInEmergency(0)], ruled(false), ruled(true)),
});

const TWO: Rules = { approvers: 2, fromRoles: [], reason: "optional", isHourly: true, outsideWindows: "wait" };
const AT_ONCE: Start = {
  ofRoute: { ...TWO, isHourly: false },
  hasEmergency: true,
  ruled: undefined,
  minute: 0,
  decided: [],
};

/** Histories that reach what is counted, whatever the seed. */
const EXAMPLES: [Command[], Start][] = [
  [[answer("retry"), grantTwice(0), answer("done"), runDue(300_000)], AT_ONCE],
  [[runDue(APPROVAL_MS)], { ...AT_ONCE, ofRoute: TWO, minute: OPEN_MINUTES + 5, decided: [grantTwice(0)] }],
  [[], { ...AT_ONCE, decided: [fireInEmergency(0)] }],
  [[runDue(0)], { ...AT_ONCE, decided: ruled(false) }],
];

describe("the approval of a run", () => {
  it.each([
    ["whose site is asked", true],
    ["that is compared with the newest event", false],
  ])(
    "a route %s never fires without n distinct valid grants or a rule that holds, in a window, or a valid emergency grant, for the very reference that is fired",
    async (name, isVerified) => {
      await fc.assert(
        fc.asyncProperty(history, starts, async (commands, { ofRoute, hasEmergency, ruled, minute, decided }) => {
          const model: Model = {
            isVerified,
            rules: ofRoute,
            hasEmergency,
            rule: ruled,
            page: 1,
            isReachable: true,
            requests: [],
          };
          const real = new Real(model);
          real.clock.advance(minute * 60_000);
          // Most histories are about a run that waits.
          for (const first of [edit(1, true), runDue(0), ...decided]) await first.run(model, real);
          await fc.asyncModelRun(() => ({ model, real }), commands);
          real.close();
        }),
        { ...propertyCases(`approvals, ${name}`, { weight: 12 }), examples: EXAMPLES },
      );
    },
    1_800_000,
  );
});
