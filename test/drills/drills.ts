import { setTimeout } from "node:timers/promises";
import type { Drill } from "./drill.ts";
import type { DrillSite } from "./drill-site.ts";

const UNAUTHENTICATED = { status: 401, answer: "The sender could not be authenticated" };
const NOTHING_MOVES = { alerts: [], runs: 0 } as const;
const FAILURES_TO_OPEN = 5;
/** More than a source may go without a proved request while others are refused. */
const REFUSED_MINUTES = 11;
/** The first report of a run is expected within 2 minutes. The request is sent again three times, within 40 minutes. */
const NO_RUN_MINUTES = 60;
const STEP_MINUTES = 6;
/** A lane looks for due actions once a second. */
const LANE_POLL_MS = 1_200;
/** After that nobody has needed the keys for long. */
const LATER_MINUTES = 10;

/** In this order: later ones move the clock. */
export const DRILLS: readonly Drill[] = [
  {
    name: "An expired token",
    broken: "A job reports its build with a token that expired an hour ago.",
    run: (site) => site.reportAs("late"),
    expected: {
      ...UNAUTHENTICATED,
      console: { path: "/console/deliveries", words: "token_expired status late-job" },
      ...NOTHING_MOVES,
    },
  },
  {
    name: "A token for somebody else",
    broken: "A job reports its build with a token for another audience.",
    run: (site) => site.reportAs("job", "https://registry.example.test"),
    expected: {
      ...UNAUTHENTICATED,
      console: { path: "/console/deliveries", words: "audience_mismatch status docs-job" },
      ...NOTHING_MOVES,
    },
  },
  {
    name: "A forged token",
    broken: "A token names the identity provider and its key, and another key signed it.",
    run: (site) => site.reportForged(),
    expected: {
      ...UNAUTHENTICATED,
      console: { path: "/console", words: "1 token_signature_invalid" },
      ...NOTHING_MOVES,
    },
  },
  {
    name: "A caller without the role",
    broken: "A caller with a good token reports a build, and no role of it may.",
    run: (site) => site.reportAs("guest"),
    expected: {
      status: 403,
      answer: '"reason":"role_missing"',
      console: { path: "/console/deliveries", words: "role_missing status guest" },
      ...NOTHING_MOVES,
    },
  },
  {
    name: "A caller over its limit",
    broken: "A job reports twice within a minute, and its role allows one report.",
    run: async (site) => {
      await site.reportAs("hasty");
      return site.reportAs("hasty");
    },
    expected: {
      status: 429,
      answer: '"reason":"rate_exceeded"',
      console: { path: "/console/deliveries", words: "rate_exceeded status hasty-job" },
      ...NOTHING_MOVES,
    },
  },
  {
    name: "A caller that the gateway refuses",
    broken: "A job calls a service through the gateway without a token.",
    run: async (site) => {
      const answer = await site.pushImage({});
      await site.shown("/console/deliveries", "gateway.refused PUT");
      return answer;
    },
    expected: {
      status: 401,
      answer: "Unauthorized",
      console: { path: "/console/deliveries", words: "gateway.refused PUT /v2/app" },
      ...NOTHING_MOVES,
    },
  },
  {
    name: "A service behind the gateway that is down",
    broken: "The gateway has no connection to the service, and answers 502.",
    run: async (site) => {
      const answer = await site.pushImage({ authorization: "Bearer of-a-job" });
      await site.shown("/console/deliveries", "gateway.failed PUT");
      return answer;
    },
    expected: {
      status: 502,
      answer: "An invalid response was received",
      console: { path: "/console/deliveries", words: "gateway.failed PUT /v2/app" },
      ...NOTHING_MOVES,
    },
  },
  {
    name: "A secret that changed on one side",
    broken: "The wiki signs its webhooks with the secret of yesterday, for eleven minutes.",
    run: async (site) => {
      await passEdit(site);
      await site.pass(REFUSED_MINUTES);
      return site.edit({ isForged: true });
    },
    repair: async (site) => {
      await passEdit(site);
      await site.shown("/console", "needs attention wiki");
    },
    expected: {
      ...UNAUTHENTICATED,
      console: { path: "/console", words: "failing wiki" },
      alerts: ["DrawbridgeSourceRefused"],
      page: "PASSED",
      runs: 2,
    },
  },
  {
    name: "A target that is down",
    broken: "The listener ends each connection while somebody edits the page.",
    run: async (site) => {
      site.listener.answerNext(...Array.from({ length: FAILURES_TO_OPEN }, () => ({ kind: "reset" }) as const));
      const answer = await site.edit();
      await site.shown("/console/targets", "failing listener");
      return answer;
    },
    repair: (site) => site.shown("/console/targets", "working listener"),
    expected: {
      status: 202,
      answer: '"status":"accepted"',
      console: { path: "/console/targets", words: "failing listener" },
      alerts: ["DrawbridgeTargetFailing"],
      page: "PASSED",
      runs: 1,
    },
  },
  {
    name: "A target that answers too late",
    broken: "The listener starts the run of an edit, and its answer does not come within the time-out.",
    run: async (site) => {
      site.listener.answerNext({ kind: "hang" });
      const answer = await site.edit();
      await site.settled();
      return answer;
    },
    expected: {
      status: 202,
      answer: '"status":"accepted"',
      // Its state lasts for a moment; its timeline stays.
      console: { path: "/console/deliveries/{delivery}", words: "no complete response in time" },
      alerts: [],
      page: "PASSED",
      runs: 1,
    },
  },
  {
    name: "A listener that starts no run",
    broken: "The listener answers 202 and starts nothing, and the time for its report passes.",
    run: async (site) => {
      site.listener.breakTriggers("filter");
      const answer = await site.edit();
      await site.shown("/console/deliveries", "run expected");
      // It is sent again in between, so the time passes in steps.
      for (let passed = 0; passed < NO_RUN_MINUTES && !(await isGivenUp(site)); passed += STEP_MINUTES) {
        await site.pass(STEP_MINUTES);
        await setTimeout(LANE_POLL_MS);
      }
      await site.shown("/console/deliveries", "page-build accepted, no run");
      return answer;
    },
    repair: async (site) => {
      site.listener.breakTriggers(undefined);
      await passEdit(site);
    },
    expected: {
      status: 202,
      answer: '"status":"accepted"',
      console: { path: "/console/deliveries", words: "page-build accepted, no run" },
      alerts: ["DrawbridgeAcceptedWithoutRun"],
      page: "PASSED",
      runs: 1,
    },
  },
  // The last one: it stays not ready for ten minutes.
  {
    name: "Signing keys that cannot be read",
    broken: "The address of an issuer's keys does not answer, and a caller shows a token of that issuer.",
    run: (site) => site.reportForged("https://partner.example.test"),
    expected: {
      status: 503,
      answer: "The bridge could not finish this request",
      console: { path: "/console", words: "the keys of 1 issuer cannot be loaded" },
      alerts: ["DrawbridgeNotReady"],
      runs: 0,
    },
    repair: (site) => site.pass(LATER_MINUTES),
  },
];

const isGivenUp = async (site: DrillSite): Promise<boolean> =>
  (await site.console("/console/deliveries")).includes("page-build accepted, no run");

/** A page edit whose run is shown on the page. */
async function passEdit(site: DrillSite): Promise<void> {
  await site.edit();
  await site.settled();
}
