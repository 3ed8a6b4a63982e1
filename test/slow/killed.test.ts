import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sendFixture } from "../../shared/cli/send.ts";
import { loadConfig } from "../../shared/config/load.ts";
import { signingDeps } from "../../shared/config/signing-deps.ts";
import { systemClock } from "../../shared/host/clock.ts";
import { LocalSecrets } from "../../shared/host/secrets.ts";
import { type DocumentedBuild, PAGE, SECRETS, startDocumentedBuild } from "../support/documented-build.ts";
import { until } from "../support/until.ts";

let build: DocumentedBuild;

beforeEach(async () => {
  build = await startDocumentedBuild();
});
afterEach(() => build.stop());

async function sendPageEdit() {
  const config = await loadConfig(build.configFile);
  const deps = signingDeps(config, new LocalSecrets(SECRETS), systemClock);
  const url = new URL(build.bridge()?.firstLine ?? "");
  return sendFixture(url, { provider: "confluence", event: "page-updated" }, config, deps);
}

const pageBody = (): string => build.confluence.page(PAGE).latest.body;

describe("a bridge that was killed with SIGKILL and started again", () => {
  it("a bridge killed with the lease of a page writes the page at once after its start", async () => {
    await build.start("with the lease of the page");
    await sendPageEdit();
    expect(await build.bridge()?.ended).toBe("SIGKILL");
    await build.start();
    // Without a restart the lease would last longer than this test waits.
    await until("the page to show PASSED", pageBody, (body) => body.includes("PASSED"));
  }, 60_000);

  it.each(["between record and relay", "between relay and act", "between the listener's 202 and its recording"])(
    "a bridge killed %s fires the trigger and writes the page",
    async (instant) => {
      await build.start(instant);
      const sent = await sendPageEdit();
      expect(sent.status).toBe(202);
      expect(await build.bridge()?.ended).toBe("SIGKILL");
      const triggeredBefore = build.listener.requests.length;
      expect(triggeredBefore).toBe(instant.startsWith("between the listener") ? 1 : 0);

      await build.start();
      // After the listener's 202 the run exists, and its report makes another request unnecessary.
      await until(
        "a trigger",
        () => build.listener.requests.length,
        (triggered) => triggered > 0,
      );
      await until("the page to show PASSED", pageBody, (body) => body.includes("PASSED"));
      expect([...build.listener.runs.keys()]).toHaveLength(1);
      expect((await sendPageEdit()).answer).toBe(JSON.stringify({ delivery: sent.delivery, status: "duplicate" }));
    },
    60_000,
  );
});
