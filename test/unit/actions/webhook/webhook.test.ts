import { Webhook } from "standardwebhooks";
import * as v from "valibot";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parse, stringify } from "yaml";
import { webhook } from "../../../../shared/actions/webhook/index.ts";
import { receiverTarget, routeOptions } from "../../../../shared/actions/webhook/settings.ts";
import { checkLoaded } from "../../../../shared/config/check.ts";
import { parseConfig } from "../../../../shared/config/load.ts";
import type { OutboundRequest } from "../../../../shared/host/call-out.ts";
import { Secret } from "../../../../shared/host/secrets.ts";
import type { ActionOutcome } from "../../../../shared/model/action-outcome.ts";
import { blocksOf, readText } from "../../../support/documents.ts";
import { buildEntry } from "../../../support/sandbox-confluence-action.ts";
import { actionDeps, secretsOf, testClock } from "../../../support/test-doubles.ts";

const signingToken = (byte: number) => `whsec_${Buffer.alloc(32, byte).toString("base64")}`;
const CURRENT = signingToken(1);
const NEXT = signingToken(2);
const ENVIRONMENT = {
  CURRENT,
  NEXT,
  ADDRESS: "https://hooks.example.com/services/T0/B0/canary",
  KEY: "canary-key",
  PLAIN: "http://hooks.example.com/canary",
};
const SIGNED = { url: "https://hooks.example.com/in", secret: { current: "env:CURRENT" } };
const event = buildEntry({ state: "failed" });

const clock = testClock();
let requests: OutboundRequest[];
beforeEach(() => {
  requests = [];
  // The official library reads the time of day itself.
  vi.useFakeTimers({ now: clock.now(), toFake: ["Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

interface Changes {
  readonly target?: object;
  readonly options?: object;
  readonly route?: string;
  readonly response?: { readonly status: number; readonly body?: string };
  readonly approvedRef?: string;
}

function run({
  target = SIGNED,
  options = {},
  route = "alert",
  response = { status: 200 },
  approvedRef,
}: Changes = {}) {
  const connected = webhook.connect(
    { route, targetName: "chat", target, options },
    actionDeps({
      clock,
      secrets: secretsOf(ENVIRONMENT),
      callOut: async (request) => {
        requests.push(request);
        return { status: response.status, headers: new Headers(), body: Buffer.from(response.body ?? "") };
      },
    }),
  );
  return connected.run({
    busEvent: event,
    origin: event,
    originProof: "proved",
    attempt: 1,
    approvedRef,
    signal: new AbortController().signal,
  });
}

const verifiedBy = (secret: string, request: OutboundRequest | undefined): unknown =>
  new Webhook(secret).verify(request?.body ?? "", { ...request?.headers });
const bodySent = () => JSON.parse(requests[0]?.body ?? "");

describe("the signature of an outgoing webhook", () => {
  it("the official library verifies it, and reads the event", async () => {
    await run();
    expect(verifiedBy(CURRENT, requests[0])).toEqual({
      type: "build.failed",
      timestamp: event.detail.time,
      data: JSON.parse(JSON.stringify(event.detail)),
    });
  });

  it("a receiver verifies it with the current or the next secret while both are configured", async () => {
    await run({ target: { ...SIGNED, secret: { current: "env:CURRENT", next: "env:NEXT" } } });
    for (const secret of [CURRENT, NEXT]) expect(verifiedBy(secret, requests[0])).toBeDefined();
  });

  it("a receiver with a secret that is not configured rejects it", async () => {
    await run();
    expect(() => verifiedBy(NEXT, requests[0])).toThrow();
  });

  it("a repeat has the same id and body, and the time and the signature of its own attempt", async () => {
    await run();
    clock.advance(600_000);
    vi.setSystemTime(clock.now());
    await run();
    const [first, second] = requests;
    expect(second?.headers["webhook-id"]).toBe(first?.headers["webhook-id"]);
    expect(second?.body).toBe(first?.body);
    expect(() => verifiedBy(CURRENT, first)).toThrow();
    expect(verifiedBy(CURRENT, second)).toBeDefined();
  });

  it("two routes to one receiver have different ids", async () => {
    await run({ route: "alert" });
    await run({ route: "archive" });
    expect(new Set(requests.map(({ headers }) => headers["webhook-id"])).size).toBe(2);
  });

  it("a request has the approved reference only if the run needed an approval", async () => {
    await run({ approvedRef: "c4a1e7d2" });
    await run();
    expect(requests.map(({ headers }) => headers["drawbridge-approved-ref"])).toEqual(["c4a1e7d2", undefined]);
  });

  it("a secret that is no signing token is a fault that names the reference and never the value", async () => {
    const target = { ...SIGNED, secret: { current: "env:KEY" } };
    const failed: unknown = await run({ target }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "secret_unavailable", message: expect.stringContaining("env:KEY") });
    expect(String(failed)).not.toContain("canary");
    expect(requests).toEqual([]);
  });
});

describe("the body of an outgoing webhook", () => {
  it("each text of the template is filled, at every depth, and other values stay as they are", async () => {
    const body = {
      text: "$.detail.build.pipeline",
      blocks: [{ fields: ["$.detail.build.number", "a literal", "$.detail.build.branch"] }],
      urgent: true,
      level: 3,
      nothing: null,
    };
    await run({ options: { body } });
    expect(bodySent()).toEqual({
      text: "ci/docs",
      blocks: [{ fields: ["512", "a literal", ""] }],
      urgent: true,
      level: 3,
      nothing: null,
    });
  });

  it("a secret member is added to the body, and wins over a member of the template", async () => {
    const target = { url: SIGNED.url, secretMembers: { routing_key: "env:KEY" } };
    await run({ target, options: { body: { routing_key: "literal", summary: "failed" } } });
    expect(bodySent()).toEqual({ routing_key: "canary-key", summary: "failed" });
  });

  it.each([{ text: "$.detail..page" }, { list: ["$.detail.list[last]"] }, { at: new Date(0) }, { n: Number.NaN }])(
    "the template %o is invalid",
    (body) => expect(v.safeParse(routeOptions, { body }).success).toBe(false),
  );
});

describe("the receiver of an outgoing webhook", () => {
  it("the address may be a secret, and the request has no signature without a signing secret", async () => {
    await run({ target: { url: "env:ADDRESS" } });
    expect(requests[0]?.url.href).toBe(ENVIRONMENT.ADDRESS);
    expect(Object.keys(requests[0]?.headers ?? {})).not.toContain("webhook-signature");
  });

  it("a secret address without https is a fault that does not name the address", async () => {
    const failed: unknown = await run({ target: { url: "env:PLAIN" } }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "secret_unavailable", retryable: true });
    expect(String(failed)).not.toContain("canary");
  });

  it.each([
    ["nothing that proves the bridge", { url: SIGNED.url }],
    ["an address without https", { ...SIGNED, url: "http://hooks.example.com/in" }],
    ["the signing secret itself instead of a reference", { ...SIGNED, secret: { current: CURRENT } }],
  ])("a target with %s is invalid", (_, target) => expect(v.safeParse(receiverTarget, target).success).toBe(false));

  it.each([
    [200, "done"],
    [204, "done"],
    [408, "retry"],
    [409, "retry"],
    [410, "give_up"],
  ])("a response %i is %s", async (status, outcome) => {
    expect(await run({ response: { status } })).toMatchObject({ outcome });
  });

  it("the summary has the receiver's own words only if the receiver knows no secret", async () => {
    const response = { status: 400, body: "invalid_payload" };
    const summaryOf = (outcome: ActionOutcome) => outcome.summary;
    expect(summaryOf(await run({ response }))).toBe("the receiver answered 400: invalid_payload");
    expect(summaryOf(await run({ response, target: { url: "env:ADDRESS" } }))).toBe("the receiver answered 400");
  });
});

describe("the examples of the README", () => {
  it("the check of the configuration has no objection to them", async () => {
    const examples = blocksOf(readText("shared/actions/webhook/README.md"), "yaml").map((block) => parse(block));
    const whole = examples.filter((example) => "targets" in example);
    expect(whole).toHaveLength(3);
    const text = stringify({
      sources: {
        cluster: {
          provider: "tekton",
          basic: { username: "tekton", password: { current: "env:CURRENT" } },
          namespaces: ["ci"],
        },
      },
      targets: Object.assign({}, ...whole.map(({ targets }) => targets)),
      routes: Object.assign({}, ...whole.map(({ routes }) => routes)),
    });
    const secrets = { read: async () => new Secret("a secret for tests") };
    expect(await checkLoaded(parseConfig(text, "example"), "example", secrets)).toEqual([]);
  });

  it("its template for Teams is valid", () => {
    const [template] = blocksOf(readText("shared/actions/webhook/README.md"), "yaml")
      .map((block) => parse(block))
      .filter((example) => "body" in example);
    expect(v.safeParse(routeOptions, template).success).toBe(true);
  });
});
