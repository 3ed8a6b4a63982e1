import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { authenticate } from "../../shared/model/authentic-delivery.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import type { Reading } from "../../shared/model/reading.ts";
import { gitlab } from "../../shared/providers/gitlab/index.ts";
import { buildEntry, entryOf } from "../support/sandbox-confluence-action.ts";
import { type SandboxGitlab, startSandboxGitlab } from "../support/sandbox-gitlab.ts";
import { pushTo, statusBench } from "../support/sandbox-gitlab-action.ts";
import type { SandboxHook } from "../support/sandbox-gitlab-commit.ts";
import { providerDeps, secretsOf, testClock } from "../support/test-doubles.ts";

const clock = testClock();
const source = gitlab.connect(
  { name: "platform-gitlab", settings: { token: { current: "env:HOOK" } } },
  providerDeps({ secrets: secretsOf({ HOOK: "hook-secret" }), clock }),
);

/** Reads a hook as the bridge would. */
async function readingOf({ event, body }: SandboxHook): Promise<Reading> {
  const url = new URL("http://127.0.0.1/webhooks/platform-gitlab");
  const headers = new Headers({ "x-gitlab-event": event, "x-gitlab-token": "hook-secret" });
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  const request = { method: "POST", url, headers, body: bytes, receivedAt: clock.now(), requestId: "request-1" };
  const delivery = await authenticate(request, { name: "platform-gitlab", authenticate: source.authenticate });
  if (!delivery.ok) throw new Error(delivery.rejection.reason);
  return source.read(delivery.value);
}

let sandbox: SandboxGitlab;
beforeEach(async () => {
  sandbox = await startSandboxGitlab();
});
afterEach(() => sandbox.close());

const bench = () => statusBench(sandbox);

async function tellAll() {
  for (const state of ["queued", "running", "succeeded"] as const) await bench().tell(pushTo(sandbox), { state });
  return Promise.all(sandbox.hooks.map(readingOf));
}

describe("a status that comes back as a hook", () => {
  it("is ignored where the statuses made the pipeline themselves", async () => {
    const readings = await tellAll();
    expect(readings.map(({ outcome }) => outcome)).toEqual(Array(6).fill("ignored"));
  });

  it("is told from a job by its stage, in whatever pipeline", async () => {
    sandbox.startPipeline();
    const readings = await tellAll();
    expect(readings.filter(({ outcome }) => outcome === "ignored")).toHaveLength(3);
  });

  it("that moved a pipeline of the project's own is answered with no status, so that the circle ends there", async () => {
    sandbox.startPipeline();
    const moved = (await tellAll()).flatMap((reading) => (reading.outcome === "event" ? [reading.event] : []));
    expect(moved.map(({ type }) => type)).toEqual(["build.queued", "build.running", "build.succeeded"]);
    const before = sandbox.requests.length;
    for (const { keyParts: _, ...event } of moved) {
      const echo: BusEvent = { ...entryOf("d-echo", event), source: "drawbridge.gitlab" };
      const none = { outcome: "done", summary: expect.stringMatching(/^no status: a pipeline caused this run/) };
      // A route on builds of every system, and a run that a route on GitLab's builds has started.
      expect(await bench().run(echo, echo)).toMatchObject(none);
      expect(await bench().run(buildEntry(), echo)).toMatchObject(none);
    }
    expect(sandbox.requests).toHaveLength(before);
  });
});
