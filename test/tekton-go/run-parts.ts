import { spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { forwarderObjects, sinkObject } from "../../shared/cluster/forwarder-objects.ts";
import { interceptorObjects } from "../../shared/cluster/interceptor-objects.ts";
import { yamlOf } from "../../shared/cluster/part-objects.ts";
import { taskGateObjects } from "../../shared/cluster/task-gate-objects.ts";
import { AUDIENCE, BODY, causeOf, ROUTE, startInterceptorBench, TRIGGER } from "../support/interceptor-bench.ts";

/**
 * Lets Tekton's own code ask the interceptor, and decodes the objects of the parts beside Tekton strictly. `npm run
 * test:tekton` runs it after `run.ts`, which says what it needs.
 */
const LIMIT_MS = 600_000;

const here = fileURLToPath(new URL(".", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "drawbridge-parts-"));
const bench = await startInterceptorBench();
try {
  const objects = join(folder, "objects");
  mkdirSync(objects);
  const source = "https://bridge.example.test/webhooks/ci";
  const common = {
    namespace: "drawbridge",
    image: "registry.example.test/drawbridge",
    source,
    tokenAudience: "bridge",
  };
  const password = { user: "tekton", password: "p/w@+: of a test" };
  writeFileSync(
    join(objects, "parts.yaml"),
    yamlOf([
      ...interceptorObjects({ ...common, issuer: "https://bridge.example.test", ca: bench.ca }),
      ...forwarderObjects(common),
      ...taskGateObjects({ ...common, taskNamespaces: ["ci", "release"], runNamespaces: ["ci"] }),
      sinkObject(new URL(source), password),
    ]),
  );
  const question = {
    url: bench.url.href,
    ca: bench.ca,
    body: BODY,
    route: ROUTE,
    audience: AUDIENCE,
    trigger: TRIGGER,
    event: randomUUID(),
    token: await bench.tokenFor(),
    otherBody: await bench.tokenFor({ body: `${BODY} ` }),
    unsafe: (await mintUnsafe()).reveal(),
  };
  writeFileSync(join(folder, "question.json"), JSON.stringify(question));
  process.exitCode = await run({
    TEKTON_INTERCEPTOR: join(folder, "question.json"),
    TEKTON_MANIFESTS: objects,
    TEKTON_SINK_PASSWORD: password.password,
  });
} finally {
  await bench.close();
  rmSync(folder, { recursive: true });
}

/** A token about a person whose name Tekton would read as code. */
async function mintUnsafe() {
  const request = { delivery: "d-1", route: ROUTE, body: BODY };
  const cause = causeOf("$(context.pipelineRun.name)");
  return (await bench.issuer.mint({ audience: AUDIENCE, cause, request }, bench.clock.now())).token;
}

async function run(environment: Readonly<Record<string, string>>): Promise<number> {
  const go = ["go", "/usr/local/go/bin/go"].find((one) => spawnSync(one, ["version"]).status === 0);
  if (go === undefined) {
    process.stdout.write("left out: this lane needs Go 1.24\n");
    return 0;
  }
  const args = ["test", "-mod=readonly", "-count=1", "-v", "-run", "^(TestInterceptor|TestManifests|TestSink)$", "."];
  const child = spawn(go, args, {
    cwd: here,
    env: { ...process.env, ...environment },
    stdio: "inherit",
    timeout: LIMIT_MS,
  });
  return new Promise((resolve) => child.once("close", (status) => resolve(status ?? 1)));
}
