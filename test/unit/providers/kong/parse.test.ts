import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Reading } from "../../../../shared/model/reading.ts";
import { readDelivery } from "../../../../shared/providers/kong/parse.ts";
import { bodyOf, readingBy, requestOf, takenAsAuthentic } from "../../../support/provider-fixtures.ts";

const { read } = readingBy(readDelivery);

/** A record of a request that Kong refused with 401, with changed members. Undefined removes a member. */
const record = (changes: object = {}) => ({ ...bodyOf("kong", "refused-unauthenticated"), ...changes });
const answered = (status: unknown, changes: object = {}) => record({ response: { status }, ...changes });

const typeAndReason = (reading: Reading): string => {
  if (reading.outcome !== "event") return reading.outcome;
  const [event] = reading.events;
  return `${event.type} ${"gateway" in event ? (event.gateway.reason ?? "") : ""}`.trim();
};
const judged = async (body: object) => typeAndReason(await read({ ...body }));

async function partOf(body: object) {
  const reading = await read({ ...body });
  const [event] = reading.outcome === "event" ? reading.events : [];
  if (event === undefined || !("gateway" in event)) throw new Error(JSON.stringify(reading));
  return { ...event.gateway, time: event.time, keyParts: event.keyParts };
}

const TRIED = [{ ip: "192.0.2.1", port: 80 }];
const FAILED = [{ ip: "192.0.2.1", state: "failed", code: 502 }];
/** Kong before 3.6. */
const OLD = { source: undefined };

describe("what happened to a request", () => {
  it.each<[string, object, string]>([
    ["401 of a plugin", answered(401), "gateway.refused unauthenticated"],
    ["403 of a plugin", answered(403), "gateway.refused forbidden"],
    ["429 of a plugin", answered(429), "gateway.refused rate_limited"],
    ["404 without a route", answered(404, { route: undefined, tries: undefined }), "gateway.refused no_route"],
    ["404 of a plugin, with a route", answered(404), "gateway.refused rejected"],
    ["413 of a plugin", answered(413), "gateway.refused rejected"],
    ["502 of the gateway", answered(502), "gateway.failed upstream_invalid"],
    ["503 of the gateway", answered(503), "gateway.failed upstream_unavailable"],
    ["504 of the gateway", answered(504), "gateway.failed upstream_timeout"],
    ["500 of the gateway", answered(500), "gateway.failed gateway_error"],
    ["200 of a plugin", answered(200), "gateway.passed"],
    ["401 of the service", answered(401, { source: "upstream", tries: TRIED }), "gateway.passed"],
    ["502 of the service", answered(502, { source: "upstream", tries: TRIED }), "gateway.passed"],
    [
      "401 in an old release, never passed on",
      answered(401, { ...OLD, upstream_status: "" }),
      "gateway.refused unauthenticated",
    ],
    ["401 in an old release, tries as {}", answered(401, { ...OLD, tries: {} }), "gateway.refused unauthenticated"],
    ["401 in an old release, answered by the service", answered(401, { ...OLD, tries: TRIED }), "gateway.passed"],
    [
      "502 in an old release, both tries failed",
      answered(502, { ...OLD, tries: [...FAILED, ...FAILED] }),
      "gateway.failed upstream_invalid",
    ],
    [
      "502 in an old release, the second try did not fail",
      answered(502, { ...OLD, tries: [...FAILED, ...TRIED] }),
      "gateway.passed",
    ],
    [
      "404 in an old release, status of the service but no tries",
      answered(404, { ...OLD, tries: undefined, upstream_status: "404" }),
      "gateway.passed",
    ],
    ["a source of another kind counts as absent", answered(401, { source: 7, tries: TRIED }), "gateway.passed"],
  ])("%s", async (_, body, expected) => {
    expect(await judged(body)).toBe(expected);
  });
});

describe("members of another kind than documented", () => {
  it.each<[string, object]>([
    ["request is missing", { request: undefined }],
    ["request is a list", { request: [] }],
    ["service and route are null", { service: null, route: null }],
    ["service and route are empty", { service: {}, route: {} }],
    ["consumer is a text", { consumer: "canary" }],
    ["latencies are texts", { latencies: "fast" }],
    ["latencies are -1 and fractions", { latencies: { kong: 0.5, proxy: -1, request: 1.72e18 } }],
    ["tries is null", { tries: null }],
    ["a try is null", { tries: [null] }],
    ["headers are lists", { request: { headers: { a: ["b", "c"] } } }],
    ["started_at is a text", { started_at: "now" }],
    ["started_at is -1", { started_at: -1 }],
    ["started_at is in the far future", { started_at: 1e18 }],
    ["upstream_status is a number", { upstream_status: 200 }],
  ])("%s: the record is read", async (_, changes) => {
    expect(await judged(record(changes))).toBe("gateway.refused unauthenticated");
  });

  it.each<[string, unknown]>([
    ["a text", "401"],
    ["a number that JSON writes with a fraction", 401.0],
  ])("the status is %s", async (_, status) => {
    expect(await judged(answered(status))).toBe("gateway.refused unauthenticated");
  });

  it.each<unknown>([undefined, null, -1, 0, 99, 600, 401.5, "4xx", "", {}, []])(
    "the status %j is unusable",
    async (status) => {
      expect(await judged(answered(status))).toBe("unusable");
    },
  );

  it("a time with a fraction is one in milliseconds, and without a time it is that of receipt", async () => {
    expect((await partOf(record({ started_at: 1793696401000.75 }))).time).toBe("2026-11-03T09:00:01.000Z");
    expect((await partOf(record({ started_at: undefined }))).time).toBe("2026-11-02T09:00:00.000Z");
  });

  it("the record of a connection is ignored", async () => {
    const stream = { session: { status: 200 }, upstream: {}, client_ip: "192.0.2.1" };
    expect(await read(stream)).toMatchObject({ outcome: "ignored", kind: "stream" });
  });
});

describe("what is kept of a record", () => {
  const path = async (uri: string) => (await partOf(record({ request: { uri } }))).path;

  it.each([
    ["/v2/app/manifests/1.4.2?private_token=canary#f", "/v2/app/manifests/1.4.2"],
    ["https://user:canary@api.example.test/v2?x=1", "/v2"],
    ["/", "/"],
    ["/a//b", "/a//b"],
    ["/projects/0b9f6a52-7c1e-4d7a-9f35-3d5200000001", "/projects/0b9f6a52-7c1e-4d7a-9f35-3d5200000001"],
    [`/hooks/T000/${"aB3".repeat(8)}`, "/hooks/T000/*"],
    ["/login/user:canary@x", "/login/*"],
    ["/a%20b/c", "/*/c"],
    ["/a;jsessionid=canary/c", "/*/c"],
    [`/x/glpat-${"a1".repeat(10)}`, "/x/*"],
    ["/x/aB3-xY9kQ-2LmZ7w-p0Q", "/x/*"],
    ["/password/reset/MQ/abc-123", "/password/*/*/*"],
    ["/x/tok%65n/kitten", "/x/*/*"],
    ["/ACCESSTOKEN/kitten", "/ACCESSTOKEN/*"],
    ["/totp/123456", "/totp/*"],
    ["/users/resetPassword/kitten", "/users/resetPassword/*"],
    ["/reset-password/", "/reset-password/"],
    ["/commit/15a22d8e/job-4512/step12", "/commit/15a22d8e/job-4512/step12"],
    ["/releases/2026-11-30-release-notes-v1.4.2", "/releases/2026-11-30-release-notes-v1.4.2"],
  ])("the path of %s is %s", async (uri, expected) => {
    expect(await path(uri)).toBe(expected);
  });

  it("a target without a path is left out, and a long path is bounded", async () => {
    expect(await path("*")).toBeUndefined();
    expect((await path(`/${"a/".repeat(5_000)}`))?.length).toBeLessThanOrEqual(200);
  });

  it("a value that a client chose is nowhere, in whichever header, query or part of an address it is", async () => {
    const secret = "canary0Xy7".repeat(3);
    const names = [
      "authorization",
      "cookie",
      "x-consumer-username",
      "x-correlation-id",
      "x-kong-request-id",
      "x-drawbridge-request",
    ];
    const headers = Object.fromEntries(names.flatMap((name, at) => [[name, at % 2 === 0 ? secret : [secret, secret]]]));
    const uri = `/a/${secret}/b;p=${secret}?${secret}=1&q=${secret}#${secret}`;
    const url = `https://${secret}:${secret}@${secret}.example.test${uri}`;
    const request = {
      id: secret,
      method: secret,
      uri,
      url,
      querystring: { [secret]: secret, a: [secret] },
      headers,
      tls: { cipher: secret },
    };
    for (const form of [uri, url]) {
      const reading = await read({
        ...record({
          request: { ...request, uri: form },
          upstream_uri: uri,
          client_ip: secret,
          upstream_status: secret,
        }),
        response: { status: 401, headers },
        tries: [{ ip: secret, hostname: secret, state: secret }],
        service: { name: "registry", host: secret, path: secret },
        authenticated_entity: { id: secret },
        correlation_id: `${secret} ${secret}`,
        [secret]: secret,
      });
      expect(reading.bodyHasSecrets).toBe(true);
      expect(JSON.stringify(reading)).not.toContain("canary");
    }
  });

  it.each([
    ["0b9f6a52-7c1e-4d7a-9f35-3d5200000001#12", true],
    ["2f6946328ffc4946b8c9120704a40001", true],
    ["192.0.2.1-8443-77-12-1", true],
    ["2f6946328ffc4946", true],
    ["01JDZ8Q4W5T9KX2M7N3P6R8S0V", true],
    ["1-5759e988-bd862e3fe1be46a994272793", true],
    ["V0S8R6P3N7M2XK9T5W4Q8ZDJ10a", false],
    ["deploy-team-4512", true],
    ["aB3-xY9kQ-2LmZ7w-p0Q", false],
    ["sk-ant-api03-word-word-word-word", false],
    ["password=kitten-kitten", false],
    ["eyJhbGciOiJ9ab.eyJzdWIiOiJ9.sig", false],
  ])("the correlation id %s is kept: %s", async (correlation_id, isKept) => {
    expect((await partOf(record({ correlation_id }))).correlation).toBe(isKept ? correlation_id : undefined);
  });

  it("a credential as the name of a consumer, a route or a service is left out", async () => {
    const token = `glpat-${"a1".repeat(10)}`;
    const part = await partOf(record({ consumer: { username: token, id: "1" }, route: { name: token }, service: {} }));
    expect(part.caller).toBe("1");
    expect(JSON.stringify(part)).not.toContain(token);
  });

  it("a consumer is named by its user name, else its custom id, else its id", async () => {
    const caller = async (consumer: object) => (await partOf(record({ consumer }))).caller;
    expect(await caller({ id: "1", custom_id: "c", username: "u" })).toBe("u");
    expect(await caller({ id: "1", custom_id: "c" })).toBe("c");
    expect(await caller({ id: "1" })).toBe("1");
    expect(await caller({})).toBeUndefined();
  });
});

describe("what is the same request", () => {
  const keyOf = async (body: object) => (await partOf(body)).keyParts;

  it("another node or another id is another request, and nothing else is", async () => {
    const key = await keyOf(record());
    expect(await keyOf(record({ latencies: {}, upstream_status: "200", consumer: { username: "u" } }))).toEqual(key);
    expect(await keyOf(record({ node_id: "0f1a4101-3327-4274-b1e4-484a4ab0c030" }))).not.toEqual(key);
    expect(await keyOf(record({ request: { id: "0".repeat(32) } }))).not.toEqual(key);
  });

  it("without an id in the request the one of the response counts, and without both the whole record", async () => {
    const id = "2f6946328ffc4946b8c9120704a40001";
    const withHeader = { request: {}, response: { status: 401, headers: { "x-kong-request-id": [id, "other"] } } };
    expect(await keyOf(record(withHeader))).toEqual(await keyOf(record()));
    const bare = { request: {}, response: { status: 401 } };
    expect(await keyOf(record(bare))).not.toEqual(await keyOf(record({ ...bare, started_at: 1 })));
    expect(await keyOf(record(bare))).toEqual(await keyOf(record(bare)));
  });
});

const samples = process.env["PEER_DATA"] ? join(process.env["PEER_DATA"], "kong", "http-log-samples") : undefined;

describe.skipIf(samples === undefined)("records of other people's gateways (skipped unless PEER_DATA is set)", () => {
  const files = samples === undefined ? [] : readdirSync(samples);
  it.each(files)("%s", async (file) => {
    const all = [JSON.parse(readFileSync(join(samples ?? "", file), "utf8"))].flat();
    expect(all.length).toBeGreaterThan(0);
    for (const one of all) {
      const url = new URL("https://bridge.example.test/webhooks/edge");
      const request = requestOf({ url, body: Buffer.from(JSON.stringify(one)) }, new Headers());
      expect(typeAndReason(readDelivery(await takenAsAuthentic(request)))).toBe("gateway.passed");
    }
  });
});
