import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rowOf } from "../../../../shared/actions/confluence/board-row.ts";
import { renderRow } from "../../../../shared/actions/confluence/render-region.ts";
import { toSeconds } from "../../../../shared/host/clock.ts";
import type { TokenRun } from "../../../../shared/identity/presets/preset.ts";
import { authenticate } from "../../../../shared/model/authentic-delivery.ts";
import { buildOrder } from "../../../../shared/model/build-order.ts";
import type { ReceivedRequest } from "../../../../shared/model/request.ts";
import { ok } from "../../../../shared/model/result.ts";
import { readingOf } from "../../../../shared/providers/status/reading.ts";
import { busEventOf } from "../../../support/samples.ts";
import { testClock } from "../../../support/test-doubles.ts";

const NOW = testClock().now();
const POD: TokenRun = { system: "tekton", id: "docs-ci/pod-1", pipeline: "docs-ci/pipeline" };
const JOB: TokenRun = { system: "gitlab", id: "574", number: 574, pipeline: "platform/docs", branch: "main" };

interface Reported {
  readonly trustEntry?: string;
  /** Null: the token does not identify the run. */
  readonly run?: TokenRun | null;
  readonly subject?: string;
  readonly body?: object;
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** The row on a page that a status callback has. */
async function rowFor({ trustEntry = "prod", run = POD, subject = "pod", body = {}, claims = {} }: Reported) {
  const principal = {
    issuer: "https://kubernetes.default.svc",
    subject,
    method: "oidc",
    credential: "k1",
    roles: ["ci"],
    trustEntry,
  };
  const request: ReceivedRequest = {
    method: "POST",
    url: new URL("https://bridge.example.test/v1/status"),
    headers: new Headers(),
    body: Buffer.from(JSON.stringify({ state: "running", ...body })),
    receivedAt: NOW,
    requestId: "r-1",
  };
  const proof = async () => ok({ principal, claims: { iat: toSeconds(NOW) - 60, ...claims } });
  const authentic = await authenticate(request, { name: "status", authenticate: proof });
  if (!authentic.ok) throw new Error("it is authentic");
  const reading = readingOf(authentic.value, run ?? undefined);
  if (reading.outcome !== "event") throw new Error(`it is ${reading.outcome}`);
  const about = { id: "d-1", source: "status", provider: "status", principal, receivedAt: NOW, requestId: "r-1" };
  const {
    outcome,
    events: [event],
  } = reading;
  const busEvent = busEventOf({ ...about, bodyDigest: "", bodyBytes: 0, what: event.type, outcome, events: [event] });
  const row = busEvent && rowOf({ busEvent, origin: busEvent, originProof: "proved" });
  if (!row || !busEvent) throw new Error("it has a row");
  return { ...row, order: buildOrder(row.build), eventKey: busEvent.detail.eventKey, deliveryKey: reading.deliveryKey };
}

describe("the row of a status callback", () => {
  it("no two jobs have one row if their trust entries, subjects or pipelines differ", async () => {
    const part = fc.string({ unit: fc.constantFrom("prod", "west", " ", '"', "\\", ":", "7"), maxLength: 4 });
    const job = fc.record({
      trustEntry: fc.constantFrom("ci", "ci-west"),
      subject: part.filter((text) => text !== ""),
      pipeline: fc.option(
        part.filter((text) => text.trim() !== ""),
        { nil: undefined },
      ),
    });
    await fc.assert(
      fc.asyncProperty(job, job, async (one, other) => {
        const rows = await Promise.all(
          [one, other].map(({ pipeline, ...by }) => rowFor({ ...by, run: null, body: { pipeline, number: 7 } })),
        );
        const isSame = JSON.stringify(one) === JSON.stringify(other);
        expect(rows[0]?.key === rows[1]?.key).toBe(isSame);
        expect(rows[0]?.build.id === rows[1]?.build.id).toBe(isSame);
      }),
    );
  });

  it("the name of a row is the subject as it is, in quotes if it has a blank", async () => {
    const nameOf = async (subject: string) => {
      const { build } = await rowFor({ trustEntry: "github-jobs", subject, run: null, body: { pipeline: "west" } });
      return build.pipeline;
    };
    expect(await nameOf("repo:o/r:environment:prod")).toBe("github-jobs: repo:o/r:environment:prod west");
    expect(await nameOf("repo:o/r:environment:prod west")).toBe('github-jobs: "repo:o/r:environment:prod west" west');
  });

  it("a row belongs to its trust entry alone, even if two clusters share issuer, account and names", async () => {
    const [prod, dev] = [await rowFor({}), await rowFor({ trustEntry: "dev" })];
    expect(prod.key).toBe("/sources/status:prod tekton docs-ci/pipeline");
    expect(dev.key).not.toBe(prod.key);
    expect(dev.eventKey).not.toBe(prod.eventKey);
    expect(dev.deliveryKey).not.toEqual(prod.deliveryKey);
  });

  it("no name that a job reports moves its row to another trust entry", async () => {
    const { key } = await rowFor({ trustEntry: "dev", body: { pipeline: "/sources/status:prod tekton" } });
    expect(key).toMatch(/^\/sources\/status:dev tekton docs-ci\/pipeline: /);
  });

  it("a row names the trust entry of the job that reported it, since the system's own row may stand beside it", async () => {
    expect(renderRow(await rowFor({ run: JOB }))).toContain("<td>platform/docs (gitlab, reported by prod)</td>");
  });
});

describe("the name of a job", () => {
  it.each([
    ["is as long as it can be", `dev-ci/${"x".repeat(63)}: prod/deploy-docs (tekton)${" ".repeat(40)}y`],
    ["is long in another way", `grp/${"sub/".repeat(60)}proj`],
    ["has characters that reverse it", "\u202e\u2066deploy\u200b"],
  ])("a name that %s never hides who reported the row", async (_, pipeline) => {
    for (const trustEntry of ["dev", "d".repeat(63)]) {
      const cell =
        /<td>([^<]*)<\/td>/.exec(renderRow(await rowFor({ trustEntry, run: { ...JOB, pipeline } })))?.[1] ?? "";
      expect(cell.endsWith(` (gitlab, reported by ${trustEntry})`)).toBe(true);
      expect(cell.length).toBeLessThanOrEqual(200);
      expect(cell).not.toMatch(/\p{Cf}/u);
    }
  });
});

describe("the number that a job reports", () => {
  it("the number that a job reports is shown, and does not hold back a later run", async () => {
    const greedy = await rowFor({ body: { number: 999_999_999_999 } });
    const later = await rowFor({ body: { number: 7 }, claims: { iat: toSeconds(NOW) - 59 } });
    expect(greedy.build.number).toBe(999_999_999_999);
    expect(later.order > greedy.order).toBe(true);
  });

  it("the number that a job reports does not count if the token has one", async () => {
    const greedy = await rowFor({ run: JOB, body: { number: 999_999_999_999, state: "succeeded" } });
    const later = await rowFor({ run: { ...JOB, id: "575", number: 575 } });
    expect(later.order > greedy.order).toBe(true);
  });

  it.each([
    ["in the future", toSeconds(NOW) + 9e9],
    ["not a number", "x"],
    ["beyond all dates", 1e300],
    ["before all dates", -1e300],
  ])("a time of issue that is %s is replaced by the time of receipt", async (_, iat) => {
    expect((await rowFor({ claims: { iat } })).build.createdAt).toBe("2026-11-02T09:00:00.000Z");
  });
});
