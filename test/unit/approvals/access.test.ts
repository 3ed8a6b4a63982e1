import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { PRESETS_OF_PEOPLE } from "../../../shared/approvals/access.ts";
import { type HoldAccessDeps, withAccess } from "../../../shared/approvals/hold-access.ts";
import { epochMillis, laterBy } from "../../../shared/host/clock.ts";
import { type Roles, role } from "../../../shared/identity/policy.ts";
import { presetNames } from "../../../shared/identity/presets/registry.ts";
import type { Access } from "../../../shared/model/access.ts";
import type { Principal } from "../../../shared/model/principal.ts";
import { testClock } from "../../support/test-doubles.ts";
import { entryOf } from "../identity/tokens.ts";

const ISSUER = "https://idp.example.test";
const kim: Principal = {
  issuer: ISSUER,
  subject: "kim",
  method: "oidc",
  credential: "k",
  trustEntry: "people",
  roles: ["developer"],
};
const max: Principal = { ...kim, subject: "max", roles: ["on-call"] };
const clock = testClock();
const issuers = {
  people: entryOf({ issuer: ISSUER }),
  jobs: entryOf({ issuer: "https://gitlab.example.test", preset: "gitlab" }),
  secondOfJobs: entryOf({ issuer: "https://gitlab.example.test" }),
};
const roles: Roles = {
  developer: v.parse(role, {}),
  incident: v.parse(role, { onRequest: { by: ["developer"], approvedBy: ["on-call"] } }),
};

const GRANTED: Access = {
  id: "x-1-1",
  role: "incident",
  minutes: 30,
  reason: "INC-1",
  by: kim,
  key: "k",
  requestedAt: clock.now(),
  state: "granted",
  until: laterBy(clock.now(), 1_800_000),
  decision: { by: max, at: clock.now() },
};
const REQUEST = { receivedAt: epochMillis(clock.now()), requestId: "request-1" };

/** What a call by this person is judged by, how often the grants were read, and what was recorded. */
async function heldBy(by: Principal, own: readonly Access[] = [GRANTED], changes: Partial<HoldAccessDeps> = {}) {
  let reads = 0;
  const recorded: string[] = [];
  const unused = async () => {
    throw new Error("it only reads the person's own");
  };
  const held = await withAccess(by, REQUEST, {
    access: async () => {
      reads += 1;
      return { of: async () => own, create: unused, get: unused, decide: unused };
    },
    config: { roles, issuers },
    auditLog: {
      recordRead: async ({ act, object, by: reader }) => void recorded.push(`${act} ${object} ${reader.roles}`),
    },
    clock,
    ...changes,
  });
  return { held, reads, recorded };
}

describe("the roles that a call is judged by", () => {
  it("a role that is held for a time is added with its request, and the use is recorded with it", async () => {
    const { held, recorded } = await heldBy(kim);
    expect(held).toEqual({ ...kim, roles: ["developer", "incident"], access: { incident: "x-1-1" } });
    expect(recorded).toEqual(["access_used x-1-1: incident developer,incident"]);
  });

  it.each<[string, Principal]>([
    ["who may request none", max],
    ["whose token has the role", { ...kim, roles: ["developer", "incident"] }],
    ["who is an agent for the person", { ...kim, claims: { act: "agent-7" } }],
    ["who has a token of a job", { ...kim, trustEntry: "jobs" }],
    ["who has a token of a job by another trust entry", { ...kim, trustEntry: "secondOfJobs" }],
  ])("whoever %s keeps the roles of the token, and costs no read", async (_, by) => {
    expect(await heldBy(by)).toEqual({ held: by, reads: 0, recorded: [] });
  });

  it("without a grant the roles are those of the token, and nothing is recorded", async () => {
    for (const own of [[], [{ ...GRANTED, state: "requested" as const }], [{ ...GRANTED, until: clock.now() }]])
      expect(await heldBy(kim, own)).toEqual({ held: kim, reads: 1, recorded: [] });
  });

  it("if the grants cannot be read, the call fails and nothing is guessed", async () => {
    const access = async () => {
      throw new Error("the store is stopped");
    };
    await expect(heldBy(kim, [], { access })).rejects.toThrow();
  });

  it("each preset is known to be for people or not", () => {
    const machines = ["aws", "buildkite", "forge", "github", "gitlab", "kong", "kubernetes"];
    expect([...PRESETS_OF_PEOPLE, ...machines].sort()).toEqual([...presetNames].sort());
  });
});
