import { expect, it } from "vitest";
import { verify } from "../../../shared/approvals/verify.ts";
import { epochMillis } from "../../../shared/host/clock.ts";
import type { Approval } from "../../../shared/model/approval.ts";
import { noSites } from "../../support/test-doubles.ts";

const AT = "2026-11-02T09:00:00.000Z";
const NOW = epochMillis(Date.parse(AT));

const APPROVAL: Approval = {
  id: "p-1",
  route: "docs",
  action: "a-1",
  delivery: "d-1",
  subject: "98310",
  approvers: ["manager"],
  requester: { issuer: "i", subject: "s", method: "m", credential: "c", roles: [] },
  about: { key: "page#98310#https://wiki.example.test", at: AT, mark: "7" },
  reference: { subject: { kind: "page", site: "https://wiki.example.test", id: "98310" }, value: "7", mark: "7" },
  requestedAt: NOW,
  until: epochMillis(NOW + 3_600_000),
  state: "requested",
  grants: [],
};

it.each([
  ["at the time of its event", 0, "same"],
  ["half a minute after its event, by another clock", 30_000, "same"],
  ["long before its event, which is about a label", -86_400_000, "same"],
  ["minutes after its event, because an earlier version was deleted", 120_000, "changed"],
])("a version with the approved number that was made %s: %s ms later is %s", async (_, later, result) => {
  const verification = await verify(APPROVAL, {
    approvals: { latestChange: async () => undefined },
    sites: {
      ...noSites,
      targetOf: () => "pages",
      current: async () => ({ state: "found", mark: "7", since: epochMillis(NOW + later) }),
    },
  });
  expect(verification.result).toBe(result);
});
