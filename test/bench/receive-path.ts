import { systemClock } from "../../shared/host/clock.ts";
import { gitlabHeaders } from "../support/http-bridge.ts";
import { type Child, startChild } from "./child.ts";
import { compare } from "./compare.ts";
import { type Hook, load } from "./load.ts";
import type { Measure } from "./measure.ts";
import { pushBody } from "./push-hook.ts";
import { rateRow } from "./table.ts";

/**
 * The receive path without the store against a bare `node:http` server that checks the same signature. The rate
 * in a second of the server's processor time is measured too, because the limit of the load generator favours the slower
 * side.
 */
export const receivePath: Measure = async ({ quick }) => {
  const body = pushBody();
  const sign = (): Hook => ({ headers: gitlabHeaders(body, systemClock.now()), body });
  const ours = await startChild("./receive-server.ts");
  const bare = await startChild("./bare-server.ts");
  for (const { url } of [ours, bare]) await requireAccepted(url, sign());
  const run = async (server: Child) => {
    // One signature serves a whole run, which is shorter than the five minutes that it is valid.
    const hook = sign();
    const before = await server.usage();
    const until = { seconds: quick ? 1 : 3 };
    const { requests, seconds } = await load({ url: server.url, hook: () => hook, connections: 16, until });
    const { cpuMs } = await server.usage();
    return { wall: requests / seconds, cpu: (requests * 1_000) / (cpuMs - before.cpuMs) };
  };
  const what = `receive path without the store, body of ${body.length} bytes`;
  const { wall, cpu } = await compare({ what, pairs: quick ? 3 : 9, ours: () => run(ours), baseline: () => run(bare) });
  await Promise.all([ours.stop(), bare.stop()]);
  return [
    rateRow("receive path, no store : bare node:http", wall, 0.5),
    rateRow("  the same, each second of the server's processor", cpu, 0.5),
  ];
};

/** An ignored or unusable delivery gets a 2xx too, and costs less. */
async function requireAccepted(url: URL, hook: Hook): Promise<void> {
  const answer = await (await fetch(url, { method: "POST", ...hook })).text();
  if (!answer.includes('"accepted"')) throw new Error("the hook that the measure sends is not accepted");
}
