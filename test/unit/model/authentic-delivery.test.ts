import { describe, expect, it } from "vitest";
import { authenticate, type Proof, type ProvingSource } from "../../../shared/model/authentic-delivery.ts";
import type { ReceivedRequest } from "../../../shared/model/request.ts";
import { ok, type Result, reject } from "../../../shared/model/result.ts";
import { testClock } from "../../support/test-doubles.ts";

const request: ReceivedRequest = {
  ...{ method: "POST", url: new URL("https://bridge.example.test/webhooks/wiki"), headers: new Headers() },
  ...{ body: new Uint8Array(), receivedAt: testClock().now(), requestId: "r-1" },
};
const principal = {
  ...{ issuer: "https://idp.example.test", subject: "job", method: "oidc", credential: "k1" },
  ...{ trustEntry: "jobs", roles: ["ci"] },
};
const shadowRejection = { reason: "token_replayed" } as const;

/** What became of a request to a source that gives the role `sender`, whose proof says this. */
async function rolesOf(proof: Result<Proof>, mode: ProvingSource["mode"] = "enforce") {
  const source = { name: "wiki", roles: ["sender"], mode, authenticate: async () => proof };
  const answer = await authenticate(request, source);
  return answer.ok ? answer.value.principal.roles : answer.rejection.reason;
}

describe("the roles of a delivery", () => {
  it.each(["enforce", "shadow"] as const)(
    "are those of its token and of its source, where it is proved: %s",
    async (mode) => {
      expect(await rolesOf(ok({ principal }), mode)).toEqual(["ci", "sender"]);
    },
  );

  it("are none where a source in shadow mode lets in what is not proved", async () => {
    expect(await rolesOf(reject(shadowRejection), "shadow")).toEqual([]);
    expect(await rolesOf(reject(shadowRejection, principal), "shadow")).toEqual([]);
  });

  it.each(["enforce", "shadow"] as const)(
    "are none where a trust entry in shadow mode lets a token in, whatever the proof names: %s",
    async (mode) => {
      expect(await rolesOf(ok({ principal, shadowRejection }), mode)).toEqual([]);
    },
  );

  it("are nobody's where it is refused", async () => {
    expect(await rolesOf(reject(shadowRejection))).toBe("token_replayed");
  });
});
