import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import type { Probe, ProbeAnswer } from "../../../shared/actions/action.ts";
import { followProbe } from "../../../shared/cli/follow-probe.ts";
import { epochMillis } from "../../../shared/host/clock.ts";
import { serveOnLoopback } from "../../support/loopback.ts";

/** A delivery as the bridge lists it. */
const listed = (id: string, what: string, outcome = "event") => ({
  id,
  source: "cluster",
  receivedAt: "2026-11-02T09:00:00.000Z",
  outcome,
  what,
  principal: { issuer: "a", subject: "b", method: "basic", credential: "current", roles: [] },
});

/** Follows a probe at a bridge that lists one more delivery with each request. */
async function follow(answer: ProbeAnswer, reports: readonly object[], status = 200) {
  const asked: string[] = [];
  let sent = 0;
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.get("/v1/deliveries", (c) => {
    asked.push(new URL(c.req.url).search);
    const deliveries = reports.slice(0, asked.length - 1).toReversed();
    return status === 200 ? c.json({ deliveries }) : c.json({ title: "no" }, 403);
  });
  const { url, close } = await serveOnLoopback(app, 0);
  const lines: string[] = [];
  let ms = 0;
  const probe: Probe = {
    plan: {},
    reportedBy: "cluster",
    run: "drawbridge-probe-e-1",
    send: async () => {
      sent++;
      return answer;
    },
    withoutRun: () => ["the filter refused it: `kubectl get`"],
  };
  const monotonic = () => {
    ms += 100;
    return ms;
  };
  try {
    const isDone = await followProbe(probe, {
      session: { url, isPlayground: false, config: () => "", token: async () => "token" },
      print: (line) => void lines.push(line.replace(/, after .*/, "")),
      timeoutMs: 1_000,
      clock: { now: () => epochMillis(0), monotonic },
      pollMs: 1,
    }).catch((error: Error) => error.message);
    return { isDone, lines, asked, sent };
  } finally {
    await close();
  }
}

const ACCEPTED = { result: "accepted", summary: "202" } as const;

describe("a probe that is followed", () => {
  it.each<[string, ProbeAnswer, readonly object[], boolean, readonly string[]]>([
    [
      "a run that succeeds",
      ACCEPTED,
      [listed("d-1", "build.queued"), listed("d-2", "build.succeeded")],
      true,
      ["accepted     202", "reported     build.queued (d-1)", "reported     build.succeeded (d-2)"],
    ],
    [
      "a run whose events the source keeps from every route",
      ACCEPTED,
      [listed("d-1", "probe.build.queued", "ignored"), listed("d-2", "probe.build.succeeded", "ignored")],
      true,
      ["accepted     202", "reported     build.queued (d-1)", "reported     build.succeeded (d-2)"],
    ],
    [
      "a run that fails",
      ACCEPTED,
      [listed("d-1", "build.failed")],
      false,
      ["accepted     202", "reported     build.failed (d-1)"],
    ],
    [
      "a namespace that the source does not list",
      ACCEPTED,
      [listed("d-1", "namespace_not_listed", "ignored")],
      false,
      [
        "accepted     202",
        "IGNORED      namespace_not_listed (d-1)",
        "NO END       the bridge was not sent the end of drawbridge-probe-e-1",
      ],
    ],
    [
      "no run",
      ACCEPTED,
      [],
      false,
      [
        "accepted     202",
        "NO RUN       the bridge was not sent any event of drawbridge-probe-e-1",
        "  - the filter refused it: `kubectl get`",
      ],
    ],
    [
      "a refusal",
      { result: "refused", summary: "not authenticated (401)" },
      [],
      false,
      ["REFUSED      not authenticated (401)"],
    ],
    [
      "a listener that does not answer",
      { result: "unreached", summary: "the connection failed" },
      [],
      false,
      ["NOT REACHED  the connection failed"],
    ],
  ])("shows the hops of %s", async (_, answer, reports, isDone, lines) => {
    const followed = await follow(answer, reports);
    expect(followed).toMatchObject({ isDone, lines });
    expect(followed.asked[0]).toBe("?source=cluster&text=drawbridge-probe-e-1");
  });

  it("starts no run if the caller may not read the event log", async () => {
    expect(await follow(ACCEPTED, [], 403)).toMatchObject({ isDone: expect.any(String), sent: 0, lines: [] });
  });
});
