import { describe, expect, it } from "vitest";
import { tekton } from "../../../../shared/actions/tekton/index.ts";
import type { CallOut } from "../../../../shared/host/call-out.ts";
import { Secret } from "../../../../shared/host/secrets.ts";
import { type BusEvent, busEventsOf } from "../../../../shared/model/bus-event.ts";
import type { OriginProof } from "../../../../shared/model/event.ts";
import type { RecordedDelivery } from "../../../../shared/model/recorded-delivery.ts";
import type { BoundRequest, Cause } from "../../../../shared/outbound/issuer.ts";
import type { OriginStore } from "../../../../shared/store/origins.ts";
import { storeWith } from "../../../support/memory-stores.ts";
import { sampleDelivery } from "../../../support/samples.ts";
import { actionDeps } from "../../../support/test-doubles.ts";

const TARGET = {
  url: "https://el.example.test",
  runsReportedBy: "cluster",
  identity: { bridge: { audience: "https://el.example.test" } },
};
const principal = (trustEntry: string, subject: string) => ({
  issuer: "https://kubernetes.default.svc.cluster.local",
  subject,
  method: "oidc",
  credential: "key-1",
  trustEntry,
  roles: [],
});
const eventOf = (n: number, changes: Partial<RecordedDelivery>): BusEvent => {
  const [busEvent] = busEventsOf(sampleDelivery(n, changes));
  if (busEvent === undefined) throw new Error("a sample is an event");
  return busEvent;
};

/** What the token of a request is made of, and the body that is sent with it. */
async function tokenFor(busEvent: BusEvent, origin = busEvent, originProof: OriginProof = "proved") {
  const made: { readonly cause: Cause; readonly request: BoundRequest }[] = [];
  const bodies: (string | undefined)[] = [];
  const callOut: CallOut = async ({ body }) => {
    bodies.push(body);
    return { status: 202, headers: new Headers(), body: Buffer.from('{"eventID":"1","eventListener":"el"}') };
  };
  const deps = actionDeps({
    callOut,
    origins: storeWith<OriginStore>({ remember: async () => undefined }),
    outbound: {
      tokenFor: () => Promise.reject(new Error("its tokens are not reused")),
      rejected: () => undefined,
      boundToken: async (_, cause, request) => {
        made.push({ cause, request });
        return new Secret("token");
      },
    },
  });
  const action = tekton.connect({ route: "docs", targetName: "listener", target: TARGET, options: {} }, deps);
  await action.run({ busEvent, origin, originProof, attempt: 1, signal: new AbortController().signal });
  return { made, bodies };
}

const edit = eventOf(1, { principal: principal("prod-jobs", "ns/deployer") });

describe("the token of a trigger", () => {
  it("one token is made for a request, of its route, its delivery and the body that is sent", async () => {
    const { made, bodies } = await tokenFor(edit);
    expect(made).toMatchObject([{ request: { route: "docs", delivery: edit.detail.delivery, body: bodies[0] } }]);
  });

  it("it names the sender of the origin, with the trust entry that proved it", async () => {
    const { made } = await tokenFor(eventOf(2, { principal: principal("dev-jobs", "ns/deployer") }), edit);
    expect(made).toMatchObject([{ cause: { principal: { id: "prod-jobs:ns/deployer", trustEntry: "prod-jobs" } } }]);
  });

  it("it names who replayed the event, whatever the event's origin is", async () => {
    const replay = { of: "d-1", routes: ["docs"], isRollback: false };
    const replayed = eventOf(3, { principal: principal("people", "dana"), replay });
    expect((await tokenFor(replayed, edit)).made).toMatchObject([
      { cause: { principal: { id: "people:dana" }, replay } },
    ]);
    expect((await tokenFor(edit, replayed)).made).toMatchObject([
      { cause: { principal: { id: "people:dana" }, replay } },
    ]);
  });

  it.each([
    ["proved", "prod-jobs:ns/deployer"],
    ["unprovable", "prod-jobs:ns/deployer"],
    ["claimed", "dev-jobs:ns/other"],
  ] as const)("the sender whom the token names, for a run whose origin is %s, is %s", async (proof, id) => {
    const { made } = await tokenFor(eventOf(2, { principal: principal("dev-jobs", "ns/other") }), edit, proof);
    expect(made).toMatchObject([{ cause: { principal: { id } } }]);
  });

  it("it never names the sender of an origin that an unproved sender claims", async () => {
    const refusal = { reason: "role_missing", role: "ci" } as const;
    const unproved = eventOf(4, { principal: principal("dev-jobs", "ns/other"), refusal });
    const { made } = await tokenFor(unproved, edit);
    expect(made).toMatchObject([{ cause: { principal: { id: "unproved:dev-jobs:ns/other" } } }]);
  });
});

describe("a requested token that the listener does not accept", () => {
  const clientCredentials = { tokenUrl: "https://login.example.test/token", clientId: "bridge", clientSecret: "env:S" };

  /** Runs the action once with these answers, and returns its outcome and the tokens that were sent. */
  async function runWith(answers: readonly number[], identity: object) {
    const sent: string[] = [];
    const kept = ["first", "second", "third"].map((text) => new Secret(text));
    const callOut: CallOut = async ({ headers }) => {
      sent.push(new Headers(headers).get("authorization") ?? "none");
      const status = answers[sent.length - 1] ?? 500;
      return { status, headers: new Headers(), body: Buffer.from('{"eventID":"1","eventListener":"el"}') };
    };
    const deps = actionDeps({
      callOut,
      origins: storeWith<OriginStore>({ remember: async () => undefined }),
      outbound: {
        tokenFor: async () => kept[0] ?? new Secret("none left"),
        rejected: (_, __, token) => void (token === kept[0] && kept.shift()),
        boundToken: async () => kept[0] ?? new Secret("none left"),
      },
    });
    const target = { ...TARGET, identity };
    const action = tekton.connect({ route: "docs", targetName: "listener", target, options: {} }, deps);
    const signal = new AbortController().signal;
    const outcome = await action.run({ busEvent: edit, origin: edit, originProof: "proved", attempt: 1, signal });
    return { outcome, sent };
  }

  it("is replaced at once, and the run starts in the same attempt", async () => {
    const { outcome, sent } = await runWith([401, 202], { clientCredentials });
    expect(sent).toEqual(["Bearer first", "Bearer second"]);
    expect(outcome).toMatchObject({ outcome: "expect_run" });
  });

  it("is replaced once in an attempt, which is then tried again later", async () => {
    const { outcome, sent } = await runWith([401, 401, 202], { clientCredentials });
    expect(sent).toEqual(["Bearer first", "Bearer second"]);
    expect(outcome).toMatchObject({ outcome: "retry" });
    expect(outcome).not.toHaveProperty("targetAnswered");
    const exchanged = { tokenExchange: { ...clientCredentials, subjectAudience: "https://login.example.test" } };
    expect((await runWith([401, 401], exchanged)).outcome).toMatchObject({ outcome: "retry", targetAnswered: true });
  });

  it("a token that was made for the request alone is not replaced", async () => {
    const { outcome, sent } = await runWith([401, 202], { bridge: { audience: "https://el.example.test" } });
    expect(sent).toEqual(["Bearer first"]);
    // It names its caller, so it opens no circuit breaker for others.
    expect(outcome).toMatchObject({ outcome: "retry", targetAnswered: true });
  });
});
