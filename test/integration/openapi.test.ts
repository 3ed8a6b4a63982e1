import { generateKeyPairSync, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OPENAPI_FILE } from "../../docs/openapi.ts";
import { systemClock, toSeconds } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import { readText } from "../support/documents.ts";
import { httpBridge } from "../support/http-bridge.ts";
import { OpenApi } from "../support/openapi.ts";
import { propertyCases } from "../support/property-cases.ts";
import { invalidOf, type Known, type Operation, schemaValue } from "../support/random-requests.ts";
import { standaloneBridge } from "../support/standalone-bridge.ts";
import { until } from "../support/until.ts";
import { AUDIENCE, keySetOf, signingKey, tokenOf } from "../unit/identity/tokens.ts";

const IDP = "https://idp.example.test";
const key = signingKey("people-1");

const everything = {
  call: ["cancellations", "deliveries", "gates", "payloads", "status", "sessions", "introspection", "metrics"],
  replay: ["*"],
  approve: ["*"],
  promote: ["*"],
};
const sections = {
  identity: { issuer: "http://127.0.0.1:1", keys: ["env:SIGNING"] },
  issuers: {
    people: {
      issuer: IDP,
      jwks: { inline: keySetOf(key) },
      audience: AUDIENCE,
      roles: ["everything", "confined", "slow"].map((role) => ({ role, when: [{ path: "groups", equals: role }] })),
    },
  },
  roles: {
    everything: { ...everything, summarise: ["*"], pause: ["*"] },
    confined: { ...everything, in: { projects: ["platform/elsewhere"] } },
    slow: { call: ["deliveries"], limit: { perMinute: 1 } },
    incident: { onRequest: { by: ["everything", "confined"], approvedBy: ["everything"] } },
  },
  orders: { ship: { roles: ["everything"], inputs: { commit: { ref: "commit" } } } },
  upstreams: {
    registry: {
      audience: "https://registry.example.test",
      allow: [{ role: "everything", scopes: ["pull"], run: "optional" }],
      requests: [{ methods: ["GET"], paths: ["/v2/**"], scope: "pull" }],
    },
  },
};
const PUSH = new URL("../../shared/providers/gitlab/fixtures/push.body", import.meta.url);

type Document = { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> };
const description = new OpenApi(readText(OPENAPI_FILE));
const { paths }: Document = JSON.parse(readText(OPENAPI_FILE));
const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
);

let bridge: Awaited<ReturnType<typeof standaloneBridge>>;
let known: Known;

beforeAll(async () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  bridge = await standaloneBridge({
    sections,
    changes: {
      routes: {
        ships: {
          when: { "detail-type": ["code.pushed"] },
          environments: ["staging", "production"],
          do: {
            tekton: {
              target: "listener",
              params: { commit: "$.detail.code.commit", environment: "$.detail.promotion.to" },
            },
          },
        },
        gated: { when: { "detail-type": ["code.pushed"] }, approval: {}, do: { tekton: { target: "listener" } } },
      },
    },
    environment: { SIGNING: privateKey.export({ format: "pem", type: "pkcs8" }).toString() },
  });
  const push = JSON.parse(readFileSync(PUSH, "utf8"));
  const pushes = await Promise.all(
    [1, 2].map(async (at) => bridge.gitlabPush({ ...push, after: `${at}`.repeat(40), ref: `refs/heads/branch-${at}` })),
  );
  const deliveries = await Promise.all(
    pushes.map(async (one) => ((await one.json()) as { delivery: string }).delivery),
  );
  const open = async () => {
    const listed = await fetch(new URL("/v1/approvals", bridge.url), { headers: bearer(tokens.everything) });
    return ((await listed.json()) as { approvals: readonly { id: string }[] }).approvals.map(({ id }) => id);
  };
  const approvals = await until("both approvals", open, (ids) => ids.length === 2);
  known = {
    id: [...deliveries, ...approvals, "98310", "ship"],
    source: ["gitlab", "status"],
    target: ["pages"],
    route: ["push-build", "gated", "ships"],
    from: ["staging"],
    to: ["production"],
    run: deliveries,
    audience: ["registry"],
    subject_token: [tokens.everything, tokens.nothing],
    token: [tokens.everything],
    sources: deliveries,
    scope: ["pull", "push"],
  };
});
afterAll(() => bridge.stop());

const now = toSeconds(systemClock.now());
const tokenIn = (group: string) => tokenOf(IDP, key, { claims: { iat: now - 10, exp: now + 3_000, groups: [group] } });
const tokens = {
  everything: tokenIn("everything"),
  confined: tokenIn("confined"),
  slow: tokenIn("slow"),
  nothing: tokenIn("nothing"),
  invalid: "no.valid.token",
};
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly url: string;
  readonly token: keyof typeof tokens | "absent";
  readonly type: string | undefined;
  readonly body: string | undefined;
  readonly isValid: boolean;
}

/** A request for an operation. An invalid one has an invalid query, body or content type. */
function requestOf({ method, path, operation }: (typeof operations)[number]): fc.Arbitrary<Sent> {
  const { parameters = [], requestBody } = operation;
  const inQuery = parameters.filter((one) => one.in === "query");
  const query = {
    type: "object",
    additionalProperties: false,
    properties: Object.fromEntries(inQuery.map(({ name, schema }) => [name, schema])),
    required: inQuery.filter(({ required }) => required).map(({ name }) => name),
  };
  const hasQuery = Object.keys(query.properties).length > 0;
  const [type, { schema = {} } = {}] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  const isJson = type === "application/json";
  const text = (value: unknown) => (isJson ? JSON.stringify(value) : new URLSearchParams(textsOf(value)).toString());
  const hasBody = schema.properties !== undefined;
  const names = parameters.filter((one) => one.in === "path");
  const inPath = fc.tuple(
    ...names.map((one) => schemaValue(one.schema, known, one.name).filter((value) => value !== "." && value !== "..")),
  );
  return fc
    .record({
      token: fc.constantFrom<Sent["token"]>(
        "everything",
        "everything",
        "everything",
        "confined",
        "nothing",
        "slow",
        "invalid",
        "absent",
      ),
      inPath,
      isValid: hasQuery || hasBody ? fc.boolean() : fc.constant(true),
      anotherType: fc.nat(9).map((one) => one === 0),
      accept: fc.constantFrom("application/json", "text/html"),
    })
    .chain(({ isValid, anotherType, inPath: values, ...rest }) =>
      fc
        .record({
          asked: hasQuery && !isValid ? invalidOf(query, known, { inText: true }) : schemaValue(query, known),
          sent: hasBody && !isValid ? invalidOf(schema, known, { inText: !isJson }) : schemaValue(schema, known),
        })
        .map(({ asked, sent }) => {
          const filled = names.reduce(
            (one, { name }, at) => one.replace(`{${name}}`, encodeURIComponent(String(values[at]))),
            path,
          );
          const search = new URLSearchParams(textsOf(asked)).toString();
          return {
            ...rest,
            method,
            path,
            url: search === "" ? filled : `${filled}?${search}`,
            type: anotherType ? "text/plain" : type,
            body: type === undefined ? undefined : text(sent),
            isValid: isValid && !(anotherType && type !== undefined),
          };
        }),
    );
}

const textsOf = (value: unknown): Record<string, string> =>
  Object.fromEntries(
    Object.entries(value ?? {}).map(([name, member]) => [
      name,
      typeof member === "object" ? JSON.stringify(member) : String(member),
    ]),
  );

/** What a gateway says about the request of its client. */
const ASKED = {
  "x-original-method": "GET",
  "x-original-uri": "/v2/app",
  "x-forwarded-method": "GET",
  "x-forwarded-uri": "/v2/app",
};

/** Sends a request. Returns the answer, and how the answer deviates from the description. */
async function send(
  {
    method,
    url,
    token,
    type,
    body,
    key = randomUUID(),
  }: Pick<Sent, "method" | "url" | "token" | "type" | "body"> & { readonly key?: string | undefined },
  at = bridge.url,
) {
  const address = new URL(url, at);
  const headers = new Headers(token === "absent" ? {} : bearer(tokens[token]));
  if (type !== undefined) headers.set("content-type", type);
  if (/^\/v1\/(?:orders\/|promotions$|access$)/.test(address.pathname)) headers.set("idempotency-key", key);
  if (address.pathname.startsWith("/v1/authorize/"))
    for (const [name, value] of Object.entries(ASKED)) headers.set(name, value);
  const response = await fetch(address, { method, headers, ...(body !== undefined && { body }) });
  const answer = { status: response.status, headers: response.headers, body: await response.text() };
  const { operation, problems } = description.check({ method, url: address, headers, body, answer });
  const isOfRequest = (problem: string) => !problem.startsWith("answer");
  return {
    ...answer,
    operation,
    ofAnswer: problems.filter((problem) => !isOfRequest(problem)),
    ofRequest: problems.filter(isOfRequest),
  };
}

/** Their bodies follow rules that JSON Schema does not express. */
const WITH_FURTHER_RULES = [
  "POST /v1/deliveries/{id}/replay",
  "POST /v1/replays",
  "POST /v1/replay-preview",
  "POST /v1/approvals/{id}",
  "POST /v1/access",
  "POST /v1/status",
  "PUT /v1/targets/{target}/pages/{id}/summary",
];

/** The reason for which a bridge refuses a request that is valid by its description; undefined for all good reasons. */
function wronglyRefused(operation: string, body: string): string | undefined {
  // The metrics alone are no JSON.
  const { reason, title = "" }: { reason?: string; title?: string } = body.startsWith("#") ? {} : JSON.parse(body);
  if (reason === "body_invalid" && !WITH_FURTHER_RULES.includes(operation)) return `${operation}: ${body}`;
  // A valid query may name a source that is not there, or a time for a list that has none.
  const isOfStates = title.includes("unless the state is ended") || title.includes('"all" must be left out');
  const isExpected = title.includes('"source"') || isOfStates;
  const isInBody = WITH_FURTHER_RULES.includes(operation);
  return reason === "query_invalid" && !isExpected && !isInBody ? `${operation}: ${body}` : undefined;
}

describe("every call, compared with its description", () => {
  it("each call has a request that succeeds, and its answer is as described", async () => {
    const [delivery = "", , approval = ""] = known["id"] ?? [];
    const exchange = new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token: tokens.everything,
      audience: "registry",
    });
    const summary = { text: "Three commits changed what the page documents.", sources: [delivery] };
    const push = { ...JSON.parse(readFileSync(PUSH, "utf8")), after: "7".repeat(40) };
    const webhook = await bridge.gitlabPush(push);
    const received = { status: webhook.status, headers: webhook.headers, body: await webhook.text() };
    const url = new URL("/webhooks/gitlab", bridge.url);
    const ofWebhook = description.check({
      method: "POST",
      url,
      headers: new Headers(),
      body: undefined,
      answer: received,
    });
    const exchanges = [
      // Its credential is not in the header that the checks of descriptions know.
      { ...ofWebhook, problems: ofWebhook.problems.filter((problem) => problem.startsWith("answer")) },
      ...(await Promise.all([
        succeeds("POST", "/v1/status", { state: "succeeded" }),
        succeeds("GET", "/v1/deliveries?limit=2"),
        succeeds("GET", `/v1/deliveries/${delivery}`),
        succeeds("GET", `/v1/deliveries/${delivery}?explain=true`),
        succeeds("GET", `/v1/deliveries/${delivery}/request`),
        succeeds("GET", `/v1/deliveries/${delivery}/replay`),
        succeeds("POST", `/v1/deliveries/${delivery}/replay`, { route: "push-build" }),
        succeeds("GET", "/v1/deliveries/counts"),
        succeeds("GET", `/v1/threads?delivery=${delivery}`),
        succeeds("GET", "/v1/refusals"),
        succeeds("GET", "/v1/approvals"),
        succeeds("GET", "/v1/approvals?state=ended&since=2026-01-01T00:00:00Z"),
        succeeds("GET", "/v1/credentials"),
        succeeds("GET", "/v1/orders"),
        succeeds("POST", "/v1/orders/ship", { inputs: { commit: "c".repeat(40) } }),
        succeeds("POST", "/v1/orders/ship/preview", { inputs: { commit: "c".repeat(40) } }),
        succeeds("POST", "/v1/sessions/revoke"),
        succeeds("PUT", "/v1/targets/pages/pages/98310/summary", summary),
        succeeds("POST", "/oauth/token", exchange),
        succeeds("GET", "/v1/authorize/nginx/registry"),
        succeeds("GET", "/v1/authorize/forward/registry"),
        succeeds("POST", "/v1/authorize/opa/registry", {
          input: { request: { http: { method: "GET", path: "/v2/app", headers: bearer(tokens.everything) } } },
        }),
        succeeds("POST", "/oauth/introspect", new URLSearchParams({ token: tokens.everything })),
        ...["/.well-known/openid-configuration", "/.well-known/jwks.json", "/healthz", "/readyz", "/openapi.json"].map(
          (path) => succeeds("GET", path),
        ),
      ])),
      await succeeds("GET", `/v1/gates/${await ownReport()}`),
      await succeeds("POST", "/v1/cancellations", { failed: [] }),
      await succeeds("POST", "/v1/replay-preview", { query: { state: "given_up" } }),
      await succeeds("POST", "/v1/replays", { deliveries: [delivery], force: true, reason: "a test" }),
      await succeeds("GET", "/v1/replays"),
      await succeeds("GET", `/v1/replays/${await orderedReplay()}`),
      await succeeds("POST", `/v1/replays/${await orderedReplay()}/stop`),
      await succeeds("GET", "/v1/overview"),
      await succeeds("GET", "/v1/targets"),
      await succeeds("GET", "/v1/overview"),
      await succeeds("GET", "/metrics"),
      await succeeds("POST", "/v1/targets/pages/pause", { reason: "a test" }),
      await succeeds("POST", "/v1/targets/pages/resume"),
      await succeeds("POST", `/v1/approvals/${approval}`, { decision: "deny" }),
    ];
    const wanted = { role: "incident", minutes: 30, reason: "a test" };
    const asked = await succeeds("POST", "/v1/access", wanted);
    const { id: access } = JSON.parse(asked.answer);
    exchanges.push(
      asked,
      await succeeds("GET", `/v1/access/${access}`),
      await succeeds("POST", `/v1/access/${access}`, { decision: "revoke" }),
      await succeeds("GET", "/v1/access"),
    );
    // It succeeds as soon as both runs are reported as good.
    const rolledBack = await until(
      "a rollback to the first of the two runs",
      () => succeeds("POST", "/v1/rollbacks", { route: "push-build" }),
      ({ problems }) => problems.length === 0,
    );
    exchanges.push(rolledBack, await succeeds("GET", "/v1/rollbacks?route=push-build"));
    const place = { route: "ships", from: "staging", to: "production" };
    const preview = `/v1/promotions?${new URLSearchParams(place)}`;
    // Some of the pushes may still run. What is promoted is the newest that is reported as good.
    const promoted = await until(
      "a promotion of the last good run",
      async () => {
        const sent = { method: "GET", url: preview, token: "everything", type: undefined, body: undefined } as const;
        const { run } = JSON.parse((await send(sent)).body);
        return succeeds("POST", "/v1/promotions", { ...place, run: run?.delivery ?? "d-none" }, "key-1");
      },
      ({ problems }) => problems.length === 0,
    );
    const placed = await succeeds("GET", `${preview}&key=key-1`);
    const { delivery: promotion, replayOf } = JSON.parse(promoted.answer);
    expect(JSON.parse(placed.answer), "the preview with the key of before").toEqual({
      ...place,
      placed: { delivery: promotion, replayOf },
    });
    exchanges.push(promoted, placed, await succeeds("GET", preview));
    expect(exchanges.flatMap(({ problems }) => problems)).toEqual([]);
    const reached = exchanges.map(({ operation }) => operation);
    const missing = operations.map(({ method, path }) => `${method} ${path}`).filter((one) => !reached.includes(one));
    expect(missing).toEqual([]);
  });

  it("each answer to a random request is as described, and a request that is invalid by the description gets a 4xx", async () => {
    const { numRuns, seed } = propertyCases("requests by the description", { weight: 4 });
    const property = fc.asyncProperty(fc.constantFrom(...operations).chain(requestOf), async (sent) => {
      const { status, operation, ofAnswer, ofRequest, headers, body } = await send(sent);
      expect({ operation, ofAnswer }).toEqual({ operation: `${sent.method} ${sent.path}`, ofAnswer: [] });
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      if (!sent.isValid) expect({ status, is4xx: status >= 400 && status < 500 }).toEqual({ status, is4xx: true });
      if (!sent.isValid || sent.token !== "everything") return;
      expect({ ofRequest, refused: wronglyRefused(operation ?? "", body) }).toEqual({
        ofRequest: [],
        refused: undefined,
      });
    });
    await fc.assert(property, { numRuns, seed });
  });

  it("a method that is not described gets a 405 with those that are, and HEAD is answered like GET", async () => {
    const wrong = [];
    for (const [path, methods] of Object.entries(paths)) {
      const described = Object.keys(methods).map((method) => method.toUpperCase());
      const allowed = described.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
      for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
        const { status, headers } = await fetch(new URL(path, bridge.url), { method });
        const isExpected = allowed.includes(method) ? status !== 405 : status === 405;
        const allow = allowed.includes(method) ? [] : allowed.toSorted();
        if (!isExpected || !isDeepStrictEqual((headers.get("allow")?.split(", ") ?? []).sort(), allow))
          wrong.push(`${method} ${path}: ${status} ${headers.get("allow")}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("an answer to HEAD has the status and the headers of GET, and no body", async () => {
    for (const path of ["/v1/deliveries", "/v1/deliveries/unknown", "/openapi.json", "/healthz"]) {
      const [get, head] = await Promise.all(
        ["GET", "HEAD"].map((method) =>
          fetch(new URL(path, bridge.url), { method, headers: bearer(tokens.everything) }),
        ),
      );
      expect(await head?.text()).toBe("");
      expect([head?.status, head?.headers.get("content-type")]).toEqual([
        get?.status,
        get?.headers.get("content-type"),
      ]);
    }
  });

  it("a body that is no JSON, and a failure of the store, are answered as described", async () => {
    const sent = { token: "everything", type: "application/json", url: "/v1/rollbacks", method: "POST" } as const;
    const broken = await send({ ...sent, body: "{" });
    expect(broken).toMatchObject({ status: 400, ofAnswer: [] });
    const ready = async () => {
      throw new Fault("store_unavailable", "the store is stopped", { retryable: true });
    };
    const failing = await httpBridge({ ready });
    const answer = await send({ ...sent, method: "GET", url: "/readyz", body: undefined }, failing.url);
    await failing.close();
    expect(answer).toMatchObject({ status: 503, operation: "GET /readyz", ofAnswer: [] });
  });
});

/** A delivery that the caller itself reported. */
async function ownReport(): Promise<string> {
  const { answer } = await succeeds("POST", "/v1/status", { state: "running" });
  return JSON.parse(answer).delivery;
}

/** The id of the bulk replay that was ordered last. */
async function orderedReplay(): Promise<string> {
  const { body } = await send({
    method: "GET",
    url: "/v1/replays",
    token: "everything",
    type: undefined,
    body: undefined,
  });
  return JSON.parse(body).replays[0].id;
}

/** Sends a request with every permission. Fails unless it succeeds. */
async function succeeds(method: string, path: string, body?: object, key?: string) {
  const isForm = body instanceof URLSearchParams;
  const type = isForm ? "application/x-www-form-urlencoded" : "application/json";
  const text = isForm ? body.toString() : JSON.stringify(body);
  const sent = { method, url: path, token: "everything", type: body && type, body: body && text, key } as const;
  const { status, operation, ofAnswer, ofRequest, body: answer } = await send(sent);
  const refused = status < 300 ? [] : [`${method} ${path}: ${status} ${answer}`];
  return { operation, answer, problems: [...refused, ...ofAnswer, ...ofRequest] };
}
