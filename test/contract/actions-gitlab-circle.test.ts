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

/** Reads a hook as the bridge does. */
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

async function reportAll() {
  for (const state of ["queued", "running", "succeeded"] as const) await bench().report(pushTo(sandbox), { state });
  return Promise.all(sandbox.hooks.map(readingOf));
}

describe("a status that comes back as a hook", () => {
  it("a hook of a pipeline that consists of our statuses is ignored", async () => {
    const readings = await reportAll();
    expect(readings.map(({ outcome }) => outcome)).toEqual(Array(6).fill("ignored"));
  });

  it("a hook of our status is distinguished from a job by its stage, in any pipeline", async () => {
    sandbox.startPipeline();
    const readings = await reportAll();
    expect(readings.filter(({ outcome }) => outcome === "ignored")).toHaveLength(3);
  });

  it("a hook of a project's own pipeline that our status moved sets no status, so that the feedback loop ends", async () => {
    sandbox.startPipeline();
    const moved = (await reportAll()).flatMap((reading) => (reading.outcome === "event" ? [reading.events[0]] : []));
    expect(moved.map(({ type }) => type)).toEqual(["build.queued", "build.running", "build.succeeded"]);
    const before = sandbox.requests.length;
    for (const { keyParts: _, ...event } of moved) {
      const hookEvent: BusEvent = { ...entryOf("d-hook", event), source: "drawbridge.gitlab" };
      const none = { outcome: "done", summary: expect.stringMatching(/^no status: a pipeline caused this run/) };
      // A route that matches the builds of every system, and a run that a route on GitLab's builds has started.
      expect(await bench().run(hookEvent, hookEvent)).toMatchObject(none);
      expect(await bench().run(buildEntry(), hookEvent)).toMatchObject(none);
    }
    expect(sandbox.requests).toHaveLength(before);
  });
});
