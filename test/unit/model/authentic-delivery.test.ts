import { describe, expect, it } from "vitest";
import { authenticate, type Proof, type ProvingSource } from "../../../shared/model/authentic-delivery.ts";
import type { ReceivedRequest } from "../../../shared/model/request.ts";
import { ok, type Result, reject } from "../../../shared/model/result.ts";
import { testClock } from "../../support/test-doubles.ts";

const request: ReceivedRequest = {
  method: "POST",
  url: new URL("https://bridge.example.test/webhooks/wiki"),
  headers: new Headers(),
  body: new Uint8Array(),
  receivedAt: testClock().now(),
  requestId: "r-1",
};
const principal = {
  issuer: "https://idp.example.test",
  subject: "job",
  method: "oidc",
  credential: "k1",
  trustEntry: "jobs",
  roles: ["ci"],
};
const shadowRejection = { reason: "token_replayed" } as const;

/** The roles of a request with this proof to a source that gives the role `sender`, or the reason of its rejection. */
async function rolesOf(proof: Result<Proof>, mode: ProvingSource["mode"] = "enforce") {
  const source = { name: "wiki", roles: ["sender"], mode, authenticate: async () => proof };
  const result = await authenticate(request, source);
  return result.ok ? result.value.principal.roles : result.rejection.reason;
}

describe("the roles of a delivery", () => {
  it.each(["enforce", "shadow"] as const)(
    "a proved delivery has the roles of its token and of its source: %s",
    async (mode) => {
      expect(await rolesOf(ok({ principal }), mode)).toEqual(["ci", "sender"]);
    },
  );

  it("a delivery that a source in shadow mode lets in unproved has no roles", async () => {
    expect(await rolesOf(reject(shadowRejection), "shadow")).toEqual([]);
    expect(await rolesOf(reject(shadowRejection, principal), "shadow")).toEqual([]);
  });

  it.each(["enforce", "shadow"] as const)(
    "a delivery whose token a trust entry in shadow mode lets in has no roles, whatever the proof names: %s",
    async (mode) => {
      expect(await rolesOf(ok({ principal, shadowRejection }), mode)).toEqual([]);
    },
  );

  it("a rejected delivery has no principal and so no roles", async () => {
    expect(await rolesOf(reject(shadowRejection))).toBe("token_replayed");
  });
});
