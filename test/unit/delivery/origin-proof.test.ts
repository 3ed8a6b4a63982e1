import { describe, expect, it } from "vitest";
import {
  checkOriginProof,
  makeOriginProof,
  type ProvingRoute,
  proofFor,
} from "../../../shared/delivery/origin-proof.ts";
import { secretsOf } from "../../support/test-doubles.ts";

const DELIVERY = `d-${"a".repeat(26)}`;
const EVENT_KEY = `e-${"k".repeat(26)}`;
const ROUTE: ProvingRoute = {
  name: "docs-build",
  target: "listener",
  runsReportedBy: "prod",
  runNamespaces: ["ci"],
  originKey: { current: "env:OLD", next: "env:NEW" },
};
const [OLD, NEW] = ["an invented key that is old", "an invented key that is new"];
const secrets = secretsOf({ OLD, NEW });

const proofOf = async (route = ROUTE, about = { delivery: DELIVERY, eventKey: EVENT_KEY }): Promise<string> =>
  (await makeOriginProof(route, about, secrets)) ?? "";

/** What a run of the route presents, with these changes. */
const presented = async (changes: object = {}) => ({
  delivery: DELIVERY,
  namespace: "ci",
  run: `docs-build-${EVENT_KEY}`,
  proof: await proofOf(),
  ...changes,
});

const check = async (changes: object = {}, route = ROUTE, source = "prod", known = secrets) =>
  checkOriginProof(await presented(changes), source, { runReporters: [route], secrets: known });

const PROVED = { route: "docs-build", eventKey: EVENT_KEY };

describe("the proof of a run's origin", () => {
  it("the run that the bridge asked for proves its route and its event, each time", async () => {
    expect(await check()).toEqual(PROVED);
    expect(await check()).toEqual(PROVED);
  });

  const otherKey = `e-${"z".repeat(26)}`;
  it.each([
    ["on a run of another event", { run: `docs-build-${otherKey}` }],
    ["on a run of another route", { run: `notes-build-${EVENT_KEY}` }],
    ["on a run whose name only begins like its own", { run: `docs-build-${EVENT_KEY}-forged` }],
    ["on a run whose name only ends like its own", { run: `x-docs-build-${EVENT_KEY}` }],
    ["on a run with a generated name", { run: "docs-build-x7x2p" }],
    ["in another namespace", { namespace: "intruder" }],
    ["beside another delivery", { delivery: `d-${"b".repeat(26)}` }],
    ["that is cut", { proof: "AAAA" }],
    ["that is empty", { proof: "" }],
    ["that is invented", { proof: "A".repeat(43) }],
  ])("a proof %s does not hold", async (_, changes) => {
    expect(await check(changes)).toBeUndefined();
  });

  it("a proof of one route, target or source is none of another, whose key is the same", async () => {
    expect(await check({}, { ...ROUTE, target: "other" })).toBeUndefined();
    expect(await check({}, { ...ROUTE, runsReportedBy: "test" }, "test")).toBeUndefined();
    expect(await check({}, ROUTE, "test")).toBeUndefined();
    const notes = { ...ROUTE, name: "notes-build" };
    expect(await check({ run: `notes-build-${EVENT_KEY}` }, notes)).toBeUndefined();
  });

  it("a flipped bit anywhere in the proof makes it invalid", async () => {
    const bytes = Buffer.from(await proofOf(), "base64url");
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(await check({ proof: flipped.toString("base64url") }), `bit ${bit}`).toBeUndefined();
    }
  });

  it("runs of the old key and of the new one are proved during a rotation, and no others after it", async () => {
    const rotated = { ...ROUTE, originKey: { current: "env:NEW" } };
    const proof = await proofOf(rotated);
    expect(proof).not.toBe(await proofOf());
    expect(await check({ proof })).toEqual(PROVED);
    expect(await check({ proof }, rotated)).toEqual(PROVED);
    expect(await check({}, rotated)).toBeUndefined();
  });

  it.each([
    ["several namespaces", { runNamespaces: ["ci", "cd"] }],
    ["a pattern", { runNamespaces: ["ci-*"] }],
    ["no namespace", {}],
  ])(
    "a target with %s binds its proofs to none, because the bridge does not know where a run will be",
    async (_, changed) => {
      const { runNamespaces: _of, ...open } = ROUTE;
      const route = { ...open, ...changed };
      const proof = await proofOf(route);
      expect(await check({ proof, namespace: "ci" }, route)).toEqual(PROVED);
      expect(await check({ proof, namespace: "cd" }, route)).toEqual(PROVED);
      expect(await check({ proof }, ROUTE)).toBeUndefined();
    },
  );

  it("no proof is made and none holds without a key", async () => {
    const { originKey: _, ...keyless } = ROUTE;
    expect(await makeOriginProof(keyless, { delivery: DELIVERY, eventKey: EVENT_KEY }, secrets)).toBeUndefined();
    expect(await check({}, keyless)).toBeUndefined();
  });

  it("no secret is read for a run whose name no route with a key gives", async () => {
    expect(await check({ run: "somebody-elses-run" }, ROUTE, "prod", secretsOf({}))).toBeUndefined();
    await expect(check({}, ROUTE, "prod", secretsOf({}))).rejects.toMatchObject({ code: "secret_unavailable" });
  });
});

describe("how far an origin is known", () => {
  const keyed = [ROUTE];
  it.each([
    ["proved", PROVED, keyed],
    ["claimed", undefined, keyed],
    ["claimed", { ...PROVED, route: "other" }, keyed],
    ["claimed", { ...PROVED, eventKey: "e-other" }, keyed],
    ["claimed", undefined, [{}, ROUTE]],
    ["unprovable", undefined, [{}]],
  ] as const)("it is %s for the proof %j", (expected, proved, routes) => {
    expect(proofFor(proved, PROVED, routes)).toBe(expected);
  });
});
