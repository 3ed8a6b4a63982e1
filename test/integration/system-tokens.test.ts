import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { confluence } from "../../shared/actions/confluence/index.ts";
import { type Receipt, receive } from "../../shared/delivery/receive.ts";
import { type CallOut, callOut } from "../../shared/host/call-out.ts";
import { Fault } from "../../shared/host/fault.ts";
import type { Result } from "../../shared/model/result.ts";
import { SystemTokens } from "../../shared/outbound/system-tokens.ts";
import { type OpenTable, openMemoryTable } from "../../shared/store/sqlite/open.ts";
import { type AllStores, openAllStores } from "../support/all-stores.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { buildEntry } from "../support/sandbox-confluence-action.ts";
import { actionDeps, noProvedRuns, secretsOf, silentLog, type TestClock, testClock } from "../support/test-doubles.ts";
import {
  forgeToken,
  INSTALLATION,
  OUR_APP,
  requestOf,
  SITE,
  sourceWith,
} from "../unit/providers/confluence/sources.ts";

const BASE = "https://api.atlassian.com/ex/confluence/5d1e";
const SEALED_BY = { current: "env:SEAL" };
const RUN = { originProof: "proved", attempt: 1, signal: new AbortController().signal } as const;

let database: OpenTable;
let sandbox: SandboxConfluence;
let clock: TestClock;
let stores: AllStores;

beforeEach(async () => {
  database = openMemoryTable();
  sandbox = await startSandboxConfluence({ product: "cloud" });
  clock = testClock();
  stores = openAllStores(database.table, { retentionDays: 30, markUnrelayed: false, singleProcess: false, clock });
});
afterEach(async () => {
  await sandbox.close();
  database.close();
});

/** The tokens of one process of the bridge. */
const tokensOf = () =>
  new SystemTokens({
    ...stores,
    clock,
    secrets: secretsOf({ SEAL: "s".repeat(32) }),
    log: silentLog,
    encryptions: new Map([["wiki", { sealedBy: SEALED_BY, apps: [OUR_APP] }]]),
  });

/** Receives a page edit in the form of Forge, with the app's current token. */
async function receiveEdit(token: string, tokens: SystemTokens, edit = 1): Promise<Result<Receipt>> {
  const forge = { trust: "our-forge-app", installations: [INSTALLATION], systemToken: { sealedBy: SEALED_BY } };
  const source = sourceWith({ forge }, (carried) => tokens.keep(carried));
  const app = { id: OUR_APP, apiBaseUrl: BASE, installation: { id: INSTALLATION } };
  const headers = { authorization: `Bearer ${forgeToken({ app })}`, "x-forge-oauth-system": token };
  const content = { id: "98310", type: "page", version: { number: edit } };
  const event = { eventType: "avi:confluence:updated:page", eventCreatedDate: "2026-11-02T08:59:59.000Z", content };
  const request = { ...requestOf(headers, { body: JSON.stringify(event) }), receivedAt: clock.now() };
  return receive(
    request,
    { name: "wiki", provider: "confluence", contentTypes: [], ...source },
    {
      deliveries: stores.deliveries,
      rejectOverRate: async () => undefined,
      runReporters: [],
      origins: noProvedRuns,
      secrets: secretsOf({}),
      recorded: () => undefined,
      log: silentLog,
    },
  );
}

/** Shows a build on the page through a gateway in front of the sandbox, which accepts the system token. */
async function show(tokens: SystemTokens, number = 512) {
  const calls: string[] = [];
  const gateway: CallOut = (request) => {
    const { authorization = "", ...headers } = request.headers;
    calls.push(`${authorization} ${request.url.origin}${request.url.pathname.replace(/(\/rest)?\/api\/.*/, "")}`);
    const { user, token } = sandbox.credentials;
    const basic = `Basic ${Buffer.from(`${user}:${token}`).toString("base64")}`;
    const url = new URL(request.url.href.replace(`${BASE}/wiki`, sandbox.site("cloud")));
    return callOut({ ...request, url, headers: { ...headers, authorization: basic } });
  };
  const target = {
    product: "cloud",
    site: SITE,
    credential: { forge: "wiki" },
    progressSeconds: 0,
    onlyChanges: false,
  };
  const settings = { route: "status", targetName: "pages", target, options: { page: "98310" } };
  const deps = actionDeps({ boards: stores.boards, clock, callOut: gateway, systemTokens: tokens });
  const busEvent = buildEntry({ number });
  const outcome = await confluence.connect(settings, deps).run({ busEvent, origin: busEvent, ...RUN });
  return { outcome, calls: [...new Set(calls)] };
}

describe("the token that Forge sends with an event", () => {
  it("the token writes a page from another process, at the address that came with it, until it expires", async () => {
    expect(await receiveEdit("system-1", tokensOf())).toMatchObject({ ok: true, value: { status: "accepted" } });
    const { outcome, calls } = await show(tokensOf());
    expect(outcome).toMatchObject({ outcome: "done" });
    expect(calls).toEqual([`Bearer system-1 ${BASE}/wiki`]);
    expect(sandbox.page("98310").latest.body).toContain("PASSED");
    clock.advance(2 * 3_600_000);
    await expect(show(tokensOf())).rejects.toMatchObject(WAITING);
  });

  it("an action waits if no token has arrived yet", async () => {
    await expect(show(tokensOf())).rejects.toThrow(/^no Forge system token .* younger than 2 h: waiting for the app's/);
  });

  it("the first process that sees a newer token replaces the old one", async () => {
    const [one, other] = [tokensOf(), tokensOf()];
    await receiveEdit("system-1", one);
    clock.advance(60_000);
    await receiveEdit("system-2", one, 2);
    expect((await show(one)).calls).toEqual([`Bearer system-1 ${BASE}/wiki`]);
    await receiveEdit("system-3", other, 3);
    expect((await show(one, 513)).calls).toEqual([`Bearer system-3 ${BASE}/wiki`]);
  });

  it("a token that cannot be stored delays no delivery", async () => {
    stores.storedTokens.keep = () => Promise.reject(new Fault("store_unavailable", "down", { retryable: true }));
    expect(await receiveEdit("system-1", tokensOf())).toMatchObject({ ok: true, value: { status: "accepted" } });
  });
});

const WAITING = { code: "token_unavailable", retryable: true };
