import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../shared/config/load.ts";
import { probeTarget } from "../../../shared/config/preview-target.ts";
import { secretsOf, testClock } from "../../support/test-doubles.ts";
import { whole } from "./files.ts";

/** Prepares a probe with a route that matches `when`. It sends nothing. */
function probeWith(when: string, mode = "enforce") {
  const route = `  alerts:\n    mode: ${mode}\n    when: ${when}\n    do: { confluence: { target: pages } }\nlimits:`;
  const loaded = parseConfig(whole.replace("limits:", route), "x.yaml");
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join());
  const callOut = async () => {
    throw new Error("nothing is sent");
  };
  const input = { target: "docs-listener", secrets: secretsOf({}), clock: testClock(), callOut };
  return () => probeTarget(loaded.config, input);
}

describe("a probe of a listener", () => {
  it.each([
    ["the event", "{ detail-type: [trigger.done] }"],
    ["every event of a listener", "{ detail-type: [{ prefix: trigger. }] }"],
    ["every event of the source", "{ detail: { source: [/sources/prod-cluster] } }"],
    ["every event", "{ detail-type: [{ exists: true }] }"],
  ])("is not sent while a route matches %s, which a probe cannot be distinguished by", (_, when) => {
    expect(probeWith(when)).toThrow('the route "alerts" matches "trigger.done", which names no request');
  });

  it.each([
    ["the events by which a probe is recognised", "{ detail-type: [trigger.failed, trigger.refused] }", "enforce"],
    ["another source", "{ detail: { source: [/sources/wiki] } }", "enforce"],
    ["it and executes nothing", "{ detail-type: [trigger.done] }", "shadow"],
  ])("is sent if a route matches %s", (_, when, mode) => {
    expect(probeWith(when, mode)()).toHaveProperty("reportedBy", "prod-cluster");
  });
});
