import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { epochMillis } from "../../../../shared/host/clock.ts";
import type { TokenRun } from "../../../../shared/identity/presets/preset.ts";
import { authenticate } from "../../../../shared/model/authentic-delivery.ts";
import type { Principal } from "../../../../shared/model/principal.ts";
import type { ReceivedRequest } from "../../../../shared/model/request.ts";
import { ok } from "../../../../shared/model/result.ts";
import { readingOf, readStatus } from "../../../../shared/providers/status/reading.ts";

const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const RUN: TokenRun = {
  system: "gitlab",
  id: "4711",
  pipeline: "platform/docs",
  commit: "2".repeat(40),
  branch: "main",
};
const principal: Principal = {
  issuer: "https://gitlab.example.test",
  subject: "project_path:platform/docs",
  method: "oidc",
  credential: "key-1",
  trustEntry: "jobs",
  roles: ["ci"],
};

async function read(body: unknown, run: TokenRun | null = RUN, claims: object = { job_id: "9" }) {
  const request: ReceivedRequest = {
    method: "POST",
    url: new URL("https://bridge.example.test/v1/status"),
    headers: new Headers(),
    body: bytes(body),
    receivedAt: epochMillis(Date.parse("2026-11-02T09:00:00Z")),
    requestId: "r-1",
  };
  const proof = ok({ principal, claims: { ...claims } });
  const authentic = await authenticate(request, { name: "status", authenticate: async () => proof });
  if (!authentic.ok) throw new Error("it is authentic");
  const reading = readingOf(authentic.value, run ?? undefined);
  if (reading.outcome !== "event" || !("build" in reading.events[0])) throw new Error(`it is ${reading.outcome}`);
  return { ...reading, event: reading.events[0], build: reading.events[0].build };
}

describe("a status", () => {
  it("a status is the state of the build that the token belongs to", async () => {
    const { event, build } = await read({ state: "succeeded", number: 12, url: "https://ci.example.test/12" });
    expect(event).toMatchObject({
      type: "build.succeeded",
      subject: "platform/docs 12",
      actor: { id: principal.subject },
    });
    expect(build).toEqual({
      ...RUN,
      state: "succeeded",
      round: "2026-11-02T09:00:00.000Z.1.2026-11-02T09:00:00.000Z",
      number: 12,
      url: "https://ci.example.test/12",
      createdAt: "2026-11-02T09:00:00.000Z",
      finishedAt: "2026-11-02T09:00:00.000Z",
      trustEntry: "jobs",
    });
  });

  it("a later token begins a later round, and the states of one job are in the order of receipt until its end", async () => {
    const roundOf = async (state: string, claims: object = {}) =>
      (await read({ state }, undefined, claims)).build.round ?? "";
    const seconds = Date.parse("2026-11-02T08:00:00Z") / 1_000;
    const [first, retried] = [{ iat: seconds }, { iat: seconds + 60 }];
    expect((await roundOf("failed", first)) > (await roundOf("waiting", first))).toBe(true);
    expect((await roundOf("running", retried)) > (await roundOf("failed", first))).toBe(true);
    expect(await roundOf("running", first)).toBe(await roundOf("waiting", first));
  });

  it.each(["system", "id", "commit", "branch", "startedBy", "pipelineId"])(
    "a status cannot contain %s, which the token proves",
    (member) => {
      expect(readStatus(bytes({ state: "running", [member]: "mine" }))).toEqual({
        problem: `a status has no member "${member}"`,
      });
    },
  );

  it("a status takes the number of the token if there is one", async () => {
    expect((await read({ state: "running", number: 1 }, { ...RUN, number: 77 })).build.number).toBe(77);
  });

  it("a status that names a pipeline stays inside the pipeline of its token", async () => {
    const { build } = await read({ state: "running", pipeline: "other/project" });
    expect(build).toMatchObject({ pipeline: "platform/docs: other/project", id: "4711/other/project" });
    expect((await read({ state: "running", pipeline: "platform/docs" })).build).toMatchObject(RUN);
  });

  it("a status of a token without a run is named after its trust entry and subject", async () => {
    const { build } = await read({ state: "running", pipeline: "deploy", number: 3 }, null, {});
    const name = "jobs: project_path:platform/docs deploy";
    expect(build).toMatchObject({ system: "status", pipeline: name, id: `${name} 3` });
  });

  it("a status names its page where page links are searched", async () => {
    const page = "https://wiki.example.test/pages/viewpage.action?pageId=98310";
    expect((await read({ state: "failed", page })).build.message).toBe(page);
    expect((await read({ state: "failed", page: "98310" })).build.message).toBe("98310");
  });

  it("a status of another job is another delivery and another event", async () => {
    const [one, other] = [await read({ state: "failed" }), await read({ state: "failed" }, RUN, { job_id: "10" })];
    expect(one.deliveryKey).not.toEqual(other.deliveryKey);
    expect(one.event.keyParts).not.toEqual(other.event.keyParts);
    expect((await read({ state: "failed" })).deliveryKey).toEqual(one.deliveryKey);
  });

  it.each([
    ["no state", {}, "state"],
    ["an unknown state", { state: "green" }, "state"],
    ["a number that is a text", { state: "running", number: "12" }, "number"],
    ["an address of another kind", { state: "running", url: "javascript:alert(1)" }, "url"],
    ["a page that is neither an id nor an address", { state: "running", page: "page 98310" }, "page"],
    ["a page with the id 0", { state: "running", page: "0" }, "page"],
    ["a page whose id has over 64 bits", { state: "running", page: "98310983109831098310" }, "page"],
    ["a result without a name", { state: "running", results: { "": "x" } }, "results"],
    ["a result called constructor", { state: "running", results: { constructor: "x" } }, "results"],
    ["a result called __proto__", JSON.parse('{"state":"running","results":{"__proto__":"x"}}'), "results"],
    [
      "too many results",
      { state: "running", results: Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`r${n}`, "x"])) },
      "results",
    ],
  ])("a status with %s is rejected, and the member is named", (_, body, member) => {
    const read = readStatus(bytes(body));
    expect("problem" in read && read.problem).toContain(`"${member}`);
  });

  it("a result may be called as what every object has", () => {
    const results = { toString: "1", hasOwnProperty: "2" };
    expect(readStatus(bytes({ state: "running", results }))).toMatchObject({ status: { results } });
  });

  it.each([
    ["user info in the URL", { url: "https://gitlab-ci-token:hunter2@git.example.test/a.git" }, "url", "user info"],
    ["user info behind a backslash", { url: "https://\\\\bot:hunter2@git.example.test/a.git" }, "url", "user info"],
    ["a token in the URL", { url: "https://ci.example.test/1?b=1&private_token=hunter2" }, "url", "private_token"],
    ["a signature", { page: "https://s3.example.test/a?X-Amz-Signature=hunter2" }, "page", "X-Amz-Signature"],
    ["a token in a fragment", { url: "https://ci.example.test/1#access_token=hunter2" }, "url", "access_token"],
    ["a credential in a result", { results: { log: "at https://bot:hunter2@ci.test/1" } }, "results.log", "user info"],
    ["one behind the end of a result", { results: { log: `${"x".repeat(400)}?sig=hunter2` } }, "results.log", "sig"],
    ["a credential in the pipeline", { pipeline: "a?token=hunter2" }, "pipeline", "token"],
  ])("a status with %s is rejected, and the problem names the member and not the value", (_, body, member, found) => {
    const read = readStatus(bytes({ state: "running", ...body }));
    expect("problem" in read && read.problem).toContain(`"${member}"`);
    expect("problem" in read && read.problem).toContain(found);
    expect(JSON.stringify(read)).not.toContain("hunter2");
  });

  it("any bytes are read as a status or rejected with a problem that quotes no value", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.jsonValue().map(bytes)), (body) => {
        const read = readStatus(body);
        expect("status" in read || read.problem.length < 200).toBe(true);
      }),
    );
  });
});
