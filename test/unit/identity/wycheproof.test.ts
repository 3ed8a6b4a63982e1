import { existsSync, readFileSync } from "node:fs";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { splitCompactJws } from "../../../shared/identity/compact-jws.ts";
import { trustEntry } from "../../../shared/identity/trust-entry.ts";
import { rejectSignature, trustedAs } from "../../../shared/identity/verify-signature.ts";
import { testClock } from "../../support/test-doubles.ts";

// The vectors of Project Wycheproof (C2SP/wycheproof, testvectors_v1, Apache-2.0) lie outside this repository.
const folder = `${process.env["PEER_DATA"] ?? ""}/jose/wycheproof`;
const isThere = process.env["PEER_DATA"] !== undefined && existsSync(folder);

/** One key or a set of them. */
const keys = v.looseObject({ keys: v.optional(v.array(v.looseObject({}))) });
const vectorFile = v.object({
  testGroups: v.array(
    v.object({
      public: v.optional(keys),
      private: keys,
      tests: v.array(v.object({ tcId: v.number(), jws: v.optional(v.unknown()), result: v.string() })),
    }),
  ),
});

type Group = v.InferOutput<typeof vectorFile>["testGroups"][number];

/** Accepts `jws` the way the verifier does, except for the claims, which these vectors do not have. */
async function accepts(group: Group, jws: unknown): Promise<boolean> {
  const published = publishedBy(group);
  const algorithms = published.map(({ alg }) => alg);
  const entry = v.safeParse(trustEntry, {
    issuer: "i",
    audience: "a",
    algorithms,
    jwks: { inline: { keys: published } },
  });
  if (!entry.success || typeof jws !== "string") return false;
  const split = splitCompactJws(jws);
  if (!split.ok) return false;
  const trusted = trustedAs("vectors", entry.output, { clock: testClock() });
  return rejectSignature(split.value, trusted).then(
    (rejection) => rejection === undefined,
    () => false,
  );
}

/** The public keys of a group; if it has none, its mixed set of public and shared keys. */
const publishedBy = (group: Group) =>
  group.public?.keys ?? (group.public ? [group.public] : (group.private.keys ?? []));

/** Ids of the asymmetric vectors on which we and Wycheproof differ. */
async function differences(name: string) {
  const { testGroups } = v.parse(vectorFile, JSON.parse(readFileSync(`${folder}/${name}_test.json`, "utf8")));
  const found = { run: 0, weReject: [] as number[], weAccept: [] as number[] };
  for (const group of testGroups.filter((group) => publishedBy(group).some(({ kty }) => kty !== "oct"))) {
    for (const { tcId, jws, result } of group.tests) {
      found.run += 1;
      const accepted = await accepts(group, jws);
      if (accepted && result === "invalid") found.weAccept.push(tcId);
      if (!accepted && result === "valid") found.weReject.push(tcId);
    }
  }
  return found;
}

describe.skipIf(!isThere)(
  "Wycheproof vectors (skipped unless PEER_DATA names the folder that holds jose/wycheproof)",
  () => {
    it("the verifier agrees on signatures, except for an empty payload and keys that name another algorithm", async () => {
      const emptyPayload = [259, 264, 268, 272, 320, 325];
      // The key says PS256 and the token PS384, or the key says ES521, which does not exist (RFC 7518 §3.1).
      const otherAlgorithm = [346, 347, 350, 351];
      const weReject = [...emptyPayload, ...otherAlgorithm];
      expect(await differences("json_web_signature")).toEqual({ run: 361, weReject, weAccept: [] });
    });

    // An RSA key made by the flawed generator of CVE-2017-15361 (ROCA): nobody but its issuer can replace it.
    it("the verifier agrees on the use of keys, except for a ROCA key", async () => {
      expect(await differences("json_web_crypto")).toEqual({ run: 30, weReject: [], weAccept: [46] });
    });

    it("the verifier agrees on keys, except for a ROCA key", async () => {
      expect(await differences("json_web_key")).toEqual({ run: 12, weReject: [], weAccept: [7] });
    });
  },
);
