import { describe, expect, it } from "vitest";
import { rolesOf } from "../../../shared/identity/roles-of.ts";
import { entryOf } from "./tokens.ts";

describe("a role", () => {
  const fork = { project_id: "7", job_project_id: "1", pipeline_source: "merge_request_event" };
  const role = { role: "review", when: [{ path: "project_id", equals: "7" }] };
  const earned = (claims: readonly object[]) =>
    rolesOf(fork, entryOf({ preset: "gitlab", issuer: "https://gitlab.com", claims, roles: [role] }));

  it("a role checks a claim's twin unless the entry has checked it already", () => {
    expect(earned([{ path: "job_project_id", equals: "1" }])).toEqual({ ok: true, value: ["review"] });
    expect(earned([{ path: "ref", equals: "main" }])).toEqual({ ok: true, value: [] });
  });
});
