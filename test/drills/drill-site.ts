import { randomUUID } from "node:crypto";
import { generateKeyPair, SignJWT } from "jose";
import { hmacSha256 } from "../../shared/host/hmac.ts";
import { AUDIENCE, consoleBridge } from "../support/console-bridge.ts";
import { edit } from "../support/console-traffic.ts";
import { ROBIN } from "../support/sandbox-confluence-users.ts";
import { startSandboxGateway } from "../support/sandbox-gateway.ts";
import { PAGE } from "../support/standalone-bridge.ts";
import { until } from "../support/until.ts";
import { Visitor } from "../support/visitor.ts";
import { holds, NO_ANSWER, type Scrape, scrapeOf } from "./alerts.ts";

const machine = (id: string, role: string, claims: object = {}) => ({
  client: { id, secret: randomUUID(), instead: { claims: { ...claims }, header: {} } },
  role,
});
const NOT_READY = "min by (check) (drawbridge_ready) == 0";
const anHourAgo = Math.floor(Date.now() / 1_000) - 3_600;

/** Callers by what is wrong with them. */
const MACHINES = {
  job: machine("docs-job", "ci"),
  late: machine("late-job", "ci", { iat: anHourAgo - 60, exp: anHourAgo }),
  hasty: machine("hasty-job", "hasty"),
  guest: machine("guest", "guest"),
};
type MachineName = keyof typeof MACHINES;

/** What a caller got. */
export interface Answer {
  readonly status: number;
  readonly text: string;
}

export type DrillSite = Awaited<ReturnType<typeof startDrillSite>>;

/**
 * A whole bridge with its console between a page, a listener and an identity provider, all on loopback. A page edit fires
 * a run, and the page shows it. `setClock` sets the time of day of the process: milliseconds that it is ahead.
 */
export async function startDrillSite({ setClock }: { readonly setClock: (aheadMs: number) => void }) {
  const logToken = randomUUID();
  const bridge = await consoleBridge({
    environment: { EDGE: logToken },
    gatesEdits: false,
    machines: Object.values(MACHINES),
    changes: {
      // Nothing listens at port 1.
      issuers: {
        partner: {
          issuer: "https://partner.example.test",
          audience: AUDIENCE,
          jwks: { url: "http://127.0.0.1:1/jwks" },
          roles: ["ci"],
        },
      },
      sources: { edge: { provider: "kong", token: { current: "env:EDGE" } } },
      // A second is enough on loopback. The name of a run is that of its event, so the same request starts no second one.
      targets: { listener: { timeoutSeconds: 1, runName: "fixed" } },
      roles: { ci: { call: ["status"] }, hasty: { call: ["status"], limit: { perMinute: 1 } }, guest: {} },
    },
  });
  const foreign = await generateKeyPair("ES256");
  const log = () => ({ url: new URL("/webhooks/edge", bridge.url), token: logToken });
  const gateway = await startSandboxGateway({ log });
  let aheadMs = 0;
  let version = 1;

  const report = async (token: string): Promise<Answer> => {
    const body = JSON.stringify({ state: "succeeded", pipeline: "docs", number: Math.floor(Date.now() / 1_000) });
    const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
    return answerOf(await fetch(new URL("/v1/status", bridge.url), { method: "POST", headers, body }));
  };
  const text = async (path: string): Promise<string> => {
    const visitor = new Visitor();
    await visitor.go(new URL("/console", bridge.url));
    await visitor.post(visitor.url.pathname, { person: "olga" });
    return textOf((await visitor.go(new URL(path, bridge.url))).text);
  };
  const scrape = async (): Promise<Scrape> => {
    if (bridge.metricsUrl === undefined) throw new Error("the bridge has a port for metrics");
    const answer = await fetch(new URL("/metrics", bridge.metricsUrl)).catch(() => undefined);
    return answer === undefined ? NO_ANSWER : scrapeOf(await answer.text());
  };
  return {
    listener: bridge.listener,
    confluence: bridge.confluence,
    /** A job reports its build as this caller. */
    reportAs: async (name: MachineName, audience = AUDIENCE): Promise<Answer> =>
      report(await bridge.identity.token(MACHINES[name].client, audience)),
    /** The same with a token that names the identity provider, and that another key signed. */
    reportForged: async (issuer = bridge.identity.issuer): Promise<Answer> =>
      report(
        await new SignJWT({ sub: "docs-job" })
          .setProtectedHeader({ alg: "ES256", kid: "development-1" })
          .setIssuer(issuer)
          .setAudience(AUDIENCE)
          .setIssuedAt()
          .setExpirationTime("5m")
          .sign(foreign.privateKey),
      ),
    /** A job calls a service through the gateway, without or with a token. */
    pushImage: async (headers: Readonly<Record<string, string>>): Promise<Answer> =>
      answerOf(await fetch(new URL("/v2/app", gateway.url), { method: "PUT", headers })),
    /** Somebody saves the page; its webhook has the right signature, or that of a secret of yesterday. */
    edit: async ({ isForged = false } = {}): Promise<Answer> => {
      version += 1;
      const content = edit(version, ROBIN.userKey, Date.now());
      const signature = `sha256=${hmacSha256("the secret of yesterday", [JSON.stringify(content)]).toString("hex")}`;
      return answerOf(await bridge.pageEdit(content, isForged ? { "x-hub-signature": signature } : {}));
    },
    /** The text of a page of the console, as somebody on call sees it. */
    console: text,
    /** The text of the wiki page, without the bridge's marks. */
    page: (): string => textOf(bridge.confluence.page(PAGE).latest.body),
    scrape,
    /** Time passes at once. Resolves when what became due by it has begun. */
    pass: async (minutes: number): Promise<void> => {
      aheadMs += minutes * 60_000;
      setClock(aheadMs);
      await until("the bridge to be ready again", scrape, (seen) => !holds(NOT_READY, { before: seen, after: seen }));
    },
    /** Resolves when the console shows it. */
    shown: (path: string, words: string): Promise<string> =>
      until(
        `${path} to show "${words}"`,
        () => text(path),
        (page) => page.includes(words),
      ),
    /** Resolves when every run has ended, and the page shows the last one. */
    settled: async (): Promise<void> => {
      await until(
        "the run of the last edit to be shown",
        () => text("/console/deliveries"),
        (page) => !/[…!] page-build (?:pending|retrying|run expected)/.test(page),
      );
      await bridge.listener.settled();
    },
    stop: async (): Promise<void> => {
      await gateway.close();
      await bridge.stop();
    },
  };
}

const answerOf = async (answer: Response): Promise<Answer> => ({ status: answer.status, text: await answer.text() });

/** The text of HTML, in one line, without what can be chosen: it names everything. */
const textOf = (html: string): string =>
  html
    .replace(/<(style|script|template|select)[\s\S]*?<\/\1>/g, " ")
    .replace(/<[^>]+>/g, " ")
    .replace(/&#39;|&apos;/g, "'")
    .replace(/&nbsp;/g, " ")
    .replaceAll("&middot;", "·")
    .replaceAll("&hellip;", "…")
    .replaceAll("&ndash;", "–")
    .replaceAll("&quot;", '"')
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&")
    .replace(/\s+/g, " ")
    .trim();
