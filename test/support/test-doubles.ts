import type { ActionDeps } from "../../shared/actions/action.ts";
import type { Sites } from "../../shared/approvals/verify.ts";
import { type Clock, type EpochMillis, epochMillis } from "../../shared/host/clock.ts";
import type { Log } from "../../shared/host/log.ts";
import { LocalSecrets, type Secrets } from "../../shared/host/secrets.ts";
import type { BindingDeps } from "../../shared/identity/binding/deps.ts";
import type { ProviderDeps } from "../../shared/providers/provider.ts";
import type { BoardStore } from "../../shared/store/boards.ts";
import type { OriginStore } from "../../shared/store/origins.ts";
import { noReplayCache } from "../../shared/store/replay-cache.ts";
import { storeWith } from "./memory-stores.ts";

/** A clock that stands still until it is moved. */
export interface TestClock extends Clock {
  /** Time passes. */
  advance(ms: number): void;
  /** Somebody sets the time of day forward or, with a negative number, back. No time passes. */
  set(byMs: number): void;
}

export function testClock(start: string | number = "2026-11-02T09:00:00Z"): TestClock {
  let now = typeof start === "number" ? start : Date.parse(start);
  let passed = 0;
  return {
    now: (): EpochMillis => epochMillis(now),
    monotonic: () => passed,
    advance: (ms) => {
      now += ms;
      passed += ms;
    },
    set: (byMs) => {
      now += byMs;
    },
  };
}

/** Secrets behind `env:` references. */
export const secretsOf = (environment: Readonly<Record<string, string>>): Secrets => new LocalSecrets(environment);

export const silentLog: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A call that the test does not expect. It fails. */
export const unexpected = (call: string) => (): Promise<never> =>
  Promise.reject(new Error(`${call} is unexpected in this test`));

/** No route names a target to ask. */
export const noSites: Sites = {
  targetOf: () => undefined,
  current: unexpected("a question to a site"),
  mayEdit: unexpected("a question to a site"),
};

/** Dependencies of a token verifier whose tokens are used more than once and carry no proof. */
export const bindingDeps = (clock: Clock): BindingDeps => ({
  clock,
  replayCache: noReplayCache,
  publicUrl: undefined,
});

/** Dependencies of a source; it may neither verify nor store a token unless the test gives it a way to. */
export const providerDeps = (given: Pick<ProviderDeps, "secrets"> & Partial<ProviderDeps>): ProviderDeps => ({
  clock: testClock(),
  tokens: { verify: unexpected("the verification of a token") },
  keepToken: unexpected("the storing of a token"),
  ...given,
});

/** Dependencies of an action; it may use only what the test gives it. */
export const actionDeps = (given: Partial<ActionDeps>): ActionDeps => ({
  secrets: { read: unexpected("the reading of a secret") },
  clock: testClock(),
  callOut: unexpected("an outbound call"),
  outbound: {
    tokenFor: unexpected("an outbound token"),
    boundToken: unexpected("a token of the bridge"),
    rejected: unexpected("a rejected token"),
  },
  systemTokens: { tokenFor: unexpected("a system token") },
  origins: storeWith<OriginStore>({
    remember: unexpected("the storing of an origin"),
    find: unexpected("the search for an origin"),
  }),
  boards: storeWith<BoardStore>({
    advance: unexpected("a change of a board"),
    changeCode: unexpected("a change of the commits of a page"),
    read: unexpected("the reading of a board"),
    lease: unexpected("the lease of a board"),
    release: unexpected("the release of a board"),
  }),
  ownAccounts: { record: async () => undefined },
  changeLinks: { record: unexpected("the storing of links"), find: async () => "" },
  changeComments: {
    recordPage: async () => undefined,
    firstLook: unexpected("the first look at a run"),
    pages: unexpected("the reading of a change's pages"),
    lease: unexpected("the lease of a comment"),
    release: unexpected("the release of a comment"),
  },
  commitStatuses: unexpected("the statuses of commits"),
  decisionWays: { comments: true, console: "https://bridge.example.test/console/approvals" },
  commentReplies: { take: async () => true, release: async () => undefined, count: async () => true },
  approvals: { get: unexpected("the reading of an approval") },
  rules: new Map(),
  people: new Map(),
  access: unexpected("the reading of a request for a role"),
  roles: {},
  approvalMessages: unexpected("the messages about approvals"),
  rateLimits: { count: unexpected("the count of messages"), uncount: unexpected("the count of messages") },
  commands: {
    rejectReason: () => {
      throw new Error("a command is unexpected in this test");
    },
    executeCommand: unexpected("a command"),
  },
  deliveries: { record: unexpected("the recording of an event") },
  recorded: () => undefined,
  random: () => 0,
  ...given,
});

/** The runs that proved their origin, for a test without such runs. */
export const noProvedRuns: Pick<OriginStore, "provedRun" | "firstProvedRun"> = {
  provedRun: async () => undefined,
  firstProvedRun: async (_, { uid }) => uid,
};
