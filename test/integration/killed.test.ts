import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { sendFixture } from "../../shared/cli/send.ts";
import { signingDeps } from "../../shared/config/connect.ts";
import { loadConfig } from "../../shared/config/load.ts";
import { systemClock } from "../../shared/host/clock.ts";
import { LocalSecrets } from "../../shared/host/secrets.ts";
import { type Started, startProgram } from "../support/processes.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { type SandboxListener, startSandboxListener } from "../support/sandbox-listener.ts";
import { until } from "../support/until.ts";

const SECRETS = { WIKI: "wiki-secret-for-tests", CLUSTER: "cluster-secret-for-tests", PAGES: "sandbox-bearer" };
const PAGE = "98310";

let folder: string;
let confluence: SandboxConfluence;
let listener: SandboxListener;
let bridge: Started | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "drawbridge-"));
  confluence = await startSandboxConfluence({ product: "data-center" });
  const basic = `Basic ${Buffer.from(`tekton:${SECRETS.CLUSTER}`).toString("base64")}`;
  listener = await startSandboxListener({
    sink: () => ({ url: new URL("/webhooks/cluster", bridge?.firstLine), headers: { authorization: basic } }),
  });
  const site = confluence.site("data-center");
  const config = {
    sources: {
      wiki: { provider: "confluence", site, hubSignature: { current: "env:WIKI" } },
      cluster: { provider: "tekton", basic: { username: "tekton", password: { current: "env:CLUSTER" } } },
    },
    targets: {
      listener: { kind: "tekton", url: listener.url.href, runsReportedBy: "cluster" },
      pages: {
        kind: "confluence",
        product: "data-center",
        site,
        credential: { bearer: "env:PAGES" },
        progressSeconds: 0,
      },
    },
    routes: {
      "docs-build": { when: { "detail-type": ["page.updated"] }, do: { tekton: { target: "listener" } } },
      "docs-status": { when: { "detail-type": [{ prefix: "build." }] }, do: { confluence: { target: "pages" } } },
    },
  };
  await writeFile(join(folder, "drawbridge.yaml"), stringify(config));
});

afterEach(async () => {
  bridge?.process.kill("SIGKILL");
  await bridge?.ended;
  bridge = undefined;
  await listener.close();
  await confluence.close();
  await rm(folder, { recursive: true, force: true });
});

async function start(instant?: string): Promise<void> {
  const args = [join(folder, "drawbridge.yaml"), join(folder, "data"), ...(instant === undefined ? [] : [instant])];
  bridge = await startProgram("crashing-bridge", args, SECRETS);
}

async function sendPageEdit() {
  const config = await loadConfig(join(folder, "drawbridge.yaml"));
  const deps = signingDeps(config, new LocalSecrets(SECRETS), systemClock);
  const url = new URL(bridge?.firstLine ?? "");
  return sendFixture(url, { provider: "confluence", event: "page-updated" }, config, deps);
}

const pageBody = (): string => confluence.page(PAGE).latest.body;

describe("a bridge that was killed with SIGKILL and started again", () => {
  it("a bridge killed with the lease of a page writes the page at once after its start", async () => {
    await start("with the lease of the page");
    await sendPageEdit();
    expect(await bridge?.ended).toBe("SIGKILL");
    await start();
    // Without a restart the lease would last longer than this test waits.
    await until("the page to show PASSED", pageBody, (body) => body.includes("PASSED"));
  }, 60_000);

  it.each(["between record and relay", "between relay and act", "between the listener's 202 and its recording"])(
    "a bridge killed %s fires the trigger and writes the page",
    async (instant) => {
      await start(instant);
      const sent = await sendPageEdit();
      expect(sent.status).toBe(202);
      expect(await bridge?.ended).toBe("SIGKILL");
      const triggeredBefore = listener.requests.length;
      expect(triggeredBefore).toBe(instant.startsWith("between the listener") ? 1 : 0);

      await start();
      await until(
        "another trigger",
        () => listener.requests.length,
        (triggered) => triggered > triggeredBefore,
      );
      await until("the page to show PASSED", pageBody, (body) => body.includes("PASSED"));
      expect([...listener.runs.keys()]).toHaveLength(1);
      expect((await sendPageEdit()).answer).toBe(JSON.stringify({ delivery: sent.delivery, status: "duplicate" }));
    },
    60_000,
  );
});
