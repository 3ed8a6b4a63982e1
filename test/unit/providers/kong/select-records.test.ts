import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ReceiveDeps, receive, type Source } from "../../../../shared/delivery/receive.ts";
import { Fault } from "../../../../shared/host/fault.ts";
import type { RecordedDelivery } from "../../../../shared/model/recorded-delivery.ts";
import { batchSizeFor, LOG_FIELDS } from "../../../../shared/providers/http-log.ts";
import { kong } from "../../../../shared/providers/kong/index.ts";
import { KEPT_PER_MINUTE } from "../../../../shared/providers/kong/select-records.ts";
import { type Body, bodyOf, requestOf } from "../../../support/provider-fixtures.ts";
import { noProvedRuns, providerDeps, secretsOf, silentLog, testClock } from "../../../support/test-doubles.ts";

const TOKEN = "log-token-of-today";
const MINUTE_MS = 60_000;

/** A record of the request with this number. */
function record(n: number, { status = 401, fixture = "refused-unauthenticated" } = {}): Body {
  const body = bodyOf("kong", fixture);
  const request = { ...Object(body["request"]), id: n.toString(16).padStart(32, "0") };
  return { ...body, request, response: { status } };
}
const records = (from: number, count: number, options = {}) =>
  Array.from({ length: count }, (_, at) => record(from + at, options));

/** A source with a store in memory. `process`: another one with the same store. */
function edge(keep: object = {}) {
  const clock = testClock();
  const stored = new Map<string, RecordedDelivery>();
  const lines: object[] = [];
  let isDown = false;
  const deps: ReceiveDeps = {
    deliveries: {
      record: async (delivery) => {
        if (isDown) throw new Fault("store_unavailable", "down", { retryable: true });
        if (stored.has(delivery.id)) return "duplicate";
        stored.set(delivery.id, delivery);
        return "recorded";
      },
    },
    rejectOverRate: async () => undefined,
    runReporters: [],
    origins: noProvedRuns,
    secrets: secretsOf({}),
    recorded: () => undefined,
    log: { ...silentLog, info: (fields) => void lines.push(fields) },
  };
  const process = () => {
    const secrets = secretsOf({ LOG: TOKEN });
    const settings = { token: { current: "env:LOG" }, keep };
    const source: Source = {
      name: "edge",
      provider: "kong",
      contentTypes: ["application/json"],
      ...kong.connect({ name: "edge", settings }, providerDeps({ secrets, clock })),
    };
    const url = new URL("https://bridge.example.test/webhooks/edge");
    return async (body: unknown, token = TOKEN) => {
      const bytes = body instanceof Buffer ? body : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
      const result = await receive(
        requestOf({ url, body: bytes }, new Headers({ "x-kong-token": token }), clock),
        source,
        deps,
      );
      return result.ok ? result.value.status : result.rejection.reason;
    };
  };
  const found = () => [...stored.values()];
  const more = () =>
    found().flatMap(({ events = [], outcome, what }) => {
      const [event] = events;
      if (outcome === "unusable") return /^\d+ more/.test(what) ? [what] : [];
      return event && "gateway" in event && event.gateway.more
        ? [`${event.gateway.reason ?? "passed"} ${event.gateway.more}`]
        : [];
    });
  const down = (is: boolean): void => {
    isDown = is;
  };
  return { send: process(), process, clock, found, more, lines, down };
}

describe("a batch of records", () => {
  it("each refused request is a delivery of its own, and others are counted", async () => {
    const { send, found, lines } = edge();
    expect(await send([...records(1, 3), record(4, { fixture: "passed", status: 200 })])).toBe("accepted");
    expect(found().map(({ what }) => what)).toEqual(Array(3).fill("gateway.refused"));
    expect(lines).toEqual([
      {
        source: "edge",
        request: "request-1",
        refused: 3,
        failed: 0,
        passed: 1,
        stream: 0,
        unusable: 0,
        kept: 3,
        gatewayRecordsKept: 3,
        gatewayRecordsCounted: 1,
        gatewayRecordsUnusable: 0,
      },
    ]);
  });

  it("each record is counted once: as kept, left out or unusable", async () => {
    const { send, lines } = edge();
    await send([
      ...records(1, KEPT_PER_MINUTE + 5),
      null,
      { session: {} },
      record(99, { fixture: "passed", status: 200 }),
    ]);
    const counts = { gatewayRecordsKept: KEPT_PER_MINUTE, gatewayRecordsCounted: 7, gatewayRecordsUnusable: 1 };
    expect(lines).toMatchObject([counts]);
  });

  it("a batch of which nothing is kept is answered 2xx and costs no write", async () => {
    const { send, found } = edge();
    expect(await send(records(1, 5, { fixture: "passed", status: 200 }))).toBe("ignored");
    expect(await send([])).toBe("ignored");
    expect(found()).toEqual([]);
  });

  it("without the token, or with another one, nothing is read", async () => {
    const { send, found } = edge();
    expect(await send([record(1)], "another")).toBe("secret_mismatch");
    expect(await send([record(1)], "")).toBe("secret_mismatch");
    expect(found()).toEqual([]);
  });

  it("what cannot be read is set apart one by one, and the others are recorded", async () => {
    const { send, found } = edge();
    const poisoned = [null, 7, "text", [], {}, { response: {} }];
    expect(await send([record(1), ...poisoned, record(2)])).toBe("accepted");
    expect(found().map(({ outcome }) => outcome)).toEqual(["event", ...poisoned.map(() => "unusable"), "event"]);
    expect(found().every(({ body }) => body === undefined)).toBe(true);
  });

  it.each(["", "{", "nonsense", '"text"', "null", '[{"response":', "\u0000"])(
    "the body %j is one unusable delivery",
    async (body) => {
      const { send, found } = edge();
      expect(await send(body)).toBe("unusable");
      expect(await send(body)).toBe("duplicate");
      expect(found()).toHaveLength(1);
    },
  );

  it("bytes that are no UTF-8, in a header that a client wrote, hide no record", async () => {
    const { send, found } = edge();
    const agent = (n: number): Body => {
      const one = record(n);
      return { ...one, request: { ...Object(one["request"]), headers: { "user-agent": "curl \u00ff" } } };
    };
    // In Latin-1 the byte 0xff, which no text in UTF-8 has.
    const bytesOf = (body: unknown) => Buffer.from(JSON.stringify(body), "latin1");
    expect(await send(bytesOf([record(1), agent(2), record(3)]))).toBe("accepted");
    expect(await send(bytesOf(agent(4)))).toBe("accepted");
    expect(await send(bytesOf([agent(2)]))).toBe("duplicate");
    expect(found().map(({ outcome }) => outcome)).toEqual(Array(4).fill("event"));
  });

  it.each(["alone", "in a list"])("white space around a record, %s, changes nothing", async (where) => {
    const { send, found } = edge();
    const text = JSON.stringify(record(1), undefined, 2);
    expect(await send(where === "alone" ? `\r\n ${text}\n` : ` [\n${text}\t] \n`)).toBe("accepted");
    expect(await send(record(1))).toBe("duplicate");
    expect(found().map(({ outcome }) => outcome)).toEqual(["event"]);
  });

  it("a record that is nested too deep to be written is set apart too", async () => {
    const { send, found } = edge();
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    expect(await send(`[${JSON.stringify(record(1))},${deep}]`)).toBe("accepted");
    expect(found().map(({ outcome }) => outcome)).toEqual(["event", "unusable"]);
  });

  it("a record with a credential in a URL is read as it is without it", async () => {
    const { send, found } = edge();
    await send([{ ...record(1), service: { name: "see https://oauth2:s3cretCanary@git.example.test/a" } }, record(2)]);
    expect(JSON.stringify(found())).not.toContain("s3cretCanary");
    expect(found()[0]).toMatchObject({ redacted: true, outcome: "event" });
  });
});

describe("a batch as large as clients can make it", () => {
  /** The largest request line and header that nginx takes by default. */
  const BUFFER = 8_192;

  it("fits, and each record is read", async () => {
    const bodyBytes = 2_097_152;
    const uri = `/${'"'.repeat(BUFFER)}`;
    // In JSON a control character is 6 bytes.
    const header = "\u0001".repeat(BUFFER);
    const worst = (n: number): Body => {
      const one = record(n);
      const headers = Object.fromEntries([1, 2, 3, 4].map((name) => [`x-${name}`, header]));
      const request = { ...Object(one["request"]), uri, url: uri, querystring: { [uri]: uri }, headers };
      return sent({ ...one, request, response: { status: 401, headers }, upstream_uri: uri, correlation_id: header });
    };
    const batch = Array.from({ length: batchSizeFor(bodyBytes) }, (_, n) => worst(n));
    // Kong writes each slash with a backslash.
    const text = JSON.stringify(batch).replaceAll("/", "\\/");
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(bodyBytes);
    const { send, found } = edge();
    expect(await send(text)).toBe("accepted");
    expect(found().map(({ outcome }) => outcome)).toEqual(batch.map(() => "event"));
  });

  /** As the plugin sends it: without the members that its settings remove. The two others are short, or stay long. */
  function sent(one: Body): Body {
    const removed = structuredClone(one);
    for (const [field, lua] of Object.entries(LOG_FIELDS)) {
      const [outer = "", inner] = field.split(".");
      if (field === "request.uri") continue;
      expect(lua).toMatch(field === "response.headers" ? /^return \{ \["x-kong-request-id"\]/ : /^return nil$/);
      if (inner === undefined) delete removed[outer];
      else delete Object(removed[outer])[inner];
    }
    return removed;
  }
});

describe("a batch that is sent again", () => {
  it("each record of it is a duplicate, whether the whole batch or a part comes, in whichever process", async () => {
    const { send, process, found } = edge();
    await send(records(1, 4));
    expect(await send(records(1, 4))).toBe("duplicate");
    expect(await send(record(2))).toBe("duplicate");
    expect(await process()(records(2, 2))).toBe("duplicate");
    expect(await send(records(3, 3))).toBe("accepted");
    expect(found()).toHaveLength(5);
  });

  it.each<[string, object]>([
    ["a record without an id", { request: {}, response: { status: 401 } }],
    ["a record that cannot be read", { response: {} }],
  ])("%s is the same, alone, in a list of one and in one of many, however it is written", async (_, changes) => {
    const bare = { ...record(1), ...changes };
    // As Kong writes a slash.
    const text = JSON.stringify(bare).replaceAll("/", "\\/");
    const forms = [text, `[${text}]`, `[${text},${JSON.stringify(record(2))}]`, JSON.stringify([record(2), bare])];
    for (const first of forms) {
      const { send, found } = edge();
      await send(record(2));
      await send(first);
      for (const again of forms) expect(await send(again)).toBe("duplicate");
      expect(found()).toHaveLength(2);
    }
  });

  it("after a minute without a store everything is recorded once, and counted once", async () => {
    const { send, found, more, clock, down } = edge();
    const batch = records(1, KEPT_PER_MINUTE + 12);
    down(true);
    for (let second = 0; second < 60; second += 20) {
      await expect(send(batch)).rejects.toMatchObject({ code: "store_unavailable" });
      clock.advance(20_000);
    }
    down(false);
    expect(await send(batch)).toBe("accepted");
    expect(found()).toHaveLength(KEPT_PER_MINUTE);
    clock.advance(MINUTE_MS);
    await send([]);
    expect(more()).toEqual(["unauthenticated 12"]);
  });

  it("a count that could not be recorded comes with the next request", async () => {
    const { send, more, clock, down } = edge();
    await send(records(1, KEPT_PER_MINUTE + 5));
    clock.advance(MINUTE_MS);
    down(true);
    await expect(send([])).rejects.toMatchObject({ code: "store_unavailable" });
    down(false);
    for (let time = 0; time < 3; time++) await send([]);
    expect(more()).toEqual(["unauthenticated 5"]);
  });
});

describe("a flood", () => {
  it("keeps a bounded number of each reason in a minute, and one delivery says how many more there were", async () => {
    const { send, found, more, clock } = edge();
    for (let batch = 0; batch < 20; batch++)
      await send([...records(batch * 1_000, 100), ...records(batch * 1_000 + 500, 50, { status: 429 })]);
    expect(found()).toHaveLength(2 * KEPT_PER_MINUTE);
    expect(more()).toEqual([]);
    clock.advance(MINUTE_MS);
    await send(record(1_000_000));
    expect(more().sort()).toEqual([
      `rate_limited ${1_000 - KEPT_PER_MINUTE}`,
      `unauthenticated ${2_000 - KEPT_PER_MINUTE}`,
    ]);
    clock.advance(MINUTE_MS);
    await send(record(1_000_001));
    expect(found()).toHaveLength(2 * KEPT_PER_MINUTE + 4);
  });

  it("of unreadable records is bounded in the same way", async () => {
    const { send, found, more, clock } = edge();
    await send(Array.from({ length: 200 }, (_, n) => ({ n })));
    expect(found()).toHaveLength(KEPT_PER_MINUTE);
    clock.advance(MINUTE_MS);
    await send([]);
    expect(more()).toEqual([`${200 - KEPT_PER_MINUTE} more records of one minute could not be read`]);
  });

  it("a repeat takes no other's place", async () => {
    const { send, found } = edge();
    for (let time = 0; time < KEPT_PER_MINUTE; time++) await send(records(1, 2));
    await send(records(10, KEPT_PER_MINUTE - 2));
    expect(found()).toHaveLength(KEPT_PER_MINUTE);
  });

  it("two processes count for themselves", async () => {
    const { send, process, more, clock } = edge();
    const other = process();
    await send(records(1, KEPT_PER_MINUTE + 3));
    await other(records(1_000, KEPT_PER_MINUTE + 3));
    clock.advance(MINUTE_MS);
    await send([]);
    await other([]);
    expect(more()).toEqual(["unauthenticated 3", "unauthenticated 3"]);
  });
});

describe("what is kept by rule", () => {
  const passed = (n: number, method: string): Body => {
    const body = record(n, { fixture: "passed", status: 200 });
    return { ...body, request: { ...Object(body["request"]), method } };
  };
  const kept = async (keep: object, bodies: readonly Body[]) => {
    const { send, found } = edge(keep);
    for (const body of bodies) await send([body]);
    return found().map(({ subject = "" }) => subject.split(" ")[0]);
  };
  const METHODS = ["GET", "HEAD", "OPTIONS", "TRACE", "POST", "PUT", "PATCH", "DELETE"];
  const all = METHODS.map((method, n) => passed(n, method));

  it("nothing that passed, by default", async () => expect(await kept({}, all)).toEqual([]));
  it("writes", async () => expect(await kept({ writes: true }, all)).toEqual(METHODS.slice(4)));
  it("everything", async () => expect(await kept({ sample: "100%" }, all)).toEqual(METHODS));
  it("no refusals", async () =>
    expect(await kept({ refusals: false }, [record(1), record(2, { status: 502 })])).toEqual([]));

  it("a sample is of about its size, and the same requests are in it each time", async () => {
    const sampled = async () => {
      const { send, found, clock } = edge({ sample: "10%" });
      for (let at = 0; at < 1_000; at += 100) {
        await send(Array.from({ length: 100 }, (_, n) => passed(at + n, "GET")));
        clock.advance(MINUTE_MS);
      }
      return found().map(({ id }) => id);
    };
    const [first, again] = [await sampled(), await sampled()];
    expect(again).toEqual(first);
    expect(first.length).toBeGreaterThan(60);
    expect(first.length).toBeLessThan(150);
  });
});

describe("a credential that a client writes into its request", () => {
  const wordOf = (alphabet: string, length: number) =>
    fc.array(fc.constantFrom(...alphabet), { minLength: length, maxLength: length + 20 }).map((all) => all.join(""));
  const DIGITS = "0123456789";
  const BASE64URL = `ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz${DIGITS}-_`;
  const PREFIXES = ["sk-", "sk-ant-", "glpat-", "ghp_", "bkua_", "xoxb-", "hvs.", "AIza", "npm_", "ATATT", "whsec_"];
  const tokens = {
    "a JSON Web Token": fc
      .tuple(wordOf(BASE64URL, 12), wordOf(BASE64URL, 12), wordOf(BASE64URL, 12))
      .map((parts) => `eyJ${parts.join(".")}`),
    "a token with a prefix": fc
      .tuple(fc.constantFrom(...PREFIXES), wordOf(BASE64URL.replace("-", ""), 36))
      .map((parts) => parts.join("")),
    "a random token": wordOf(BASE64URL, 43),
    "a random token in groups": fc
      .array(wordOf(`abcdef${DIGITS}`, 8), { minLength: 6, maxLength: 8 })
      .map((groups) => groups.join("-")),
  };

  it.each(Object.entries(tokens))("%s is in no record and in no line of the log", async (_, kind) => {
    const places = fc.constantFrom<(token: string) => object>(
      (token) => ({ uri: `/v2/${token}/tags` }),
      (token) => ({ uri: `/v2/tags?q=${token}#${token}` }),
      (token) => ({ uri: `https://${token}@api.example.test/v2/${token}` }),
      (token) => ({ uri: `/v2/${encodeURIComponent(`=${token}`)}` }),
      (token) => ({ correlation_id: token.slice(0, 64) }),
      (token) => ({ correlation_id: `job ${token}` }),
    );
    await fc.assert(
      fc.asyncProperty(kind, places, async (token, place) => {
        const { send, found, lines } = edge();
        const one = record(1);
        const { uri, ...changes } = { uri: "/v2", ...place(token) };
        expect(await send([{ ...one, ...changes, request: { ...Object(one["request"]), uri } }])).toBe("accepted");
        const output = JSON.stringify([found(), lines]);
        expect(output).toContain("gateway.refused");
        for (let at = 0; at + 12 <= token.length; at += 12) expect(output).not.toContain(token.slice(at, at + 12));
      }),
    );
  });

  it.each(["reset", "password-reset", "resetPassword", "invite", "magic_link", "verify", "session"])(
    "whatever stands behind %s in a path is in no record",
    async (word) => {
      await fc.assert(
        fc.asyncProperty(wordOf("abcdefgh", 12), async (token) => {
          const { send, found } = edge();
          const one = record(1);
          await send([{ ...one, request: { ...Object(one["request"]), uri: `/users/${word}/MQ/${token}` } }]);
          expect(found()[0]?.subject).toContain(`/users/${word}/*/*`);
          expect(JSON.stringify(found())).not.toContain(token);
        }),
      );
    },
  );
});
