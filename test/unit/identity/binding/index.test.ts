import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Fault } from "../../../../shared/host/fault.ts";
import type { PresentedToken, TokenRequest } from "../../../../shared/identity/presented-token.ts";
import { noReplayCache } from "../../../../shared/store/replay-cache.ts";
import { memoryReplayCache } from "../../../support/memory-stores.ts";
import { BRIDGE, bindingSays, requestOf, sha256, type Tried, tokenWith } from "./binding.ts";

const token = tokenWith();
const bearer = (request: TokenRequest = requestOf()): PresentedToken => ({ scheme: "bearer", token, request });

const certificate = Buffer.from("the bytes of a certificate");
const cnf = { "x5t#S256": sha256(certificate) };
const held = bearer(requestOf({ clientCertificate: certificate }));

describe("a token that is bound to nothing", () => {
  it("an unbound token is accepted if its entry requires no binding, and costs no write", async () => {
    const replayCache = { take: () => Promise.reject(new Error("nothing is taken")) };
    expect(await bindingSays({ presented: bearer(), deps: { replayCache } })).toBe("accepted");
    expect(await bindingSays({ presented: bearer(), deps: { replayCache: noReplayCache } })).toBe("accepted");
  });
});

describe("a token that is bound to a certificate", () => {
  it.each([
    ["with the certificate that it is bound to", { presented: held, claims: { cnf } }],
    [
      "with the certificate that its entry requires",
      { presented: held, claims: { cnf }, entry: { proof: "certificate" } },
    ],
    ["unbound, over a connection with a certificate", { presented: held }],
  ] as const satisfies readonly (readonly [string, Tried])[])("a token is accepted %s", async (_, tried) => {
    expect(await bindingSays(tried)).toBe("accepted");
  });

  const pem = encodeURIComponent(
    `-----BEGIN CERTIFICATE-----\n${certificate.toString("base64")}\n-----END CERTIFICATE-----`,
  );
  const headers = [
    "x-amzn-mtls-clientcert",
    "x-amzn-mtls-clientcert-leaf",
    "x-client-cert",
    "x-forwarded-client-cert",
    "client-cert",
    "ssl-client-cert",
  ];
  it.each(headers)("a token is rejected with the certificate in a header, which anyone can write: %s", async (name) => {
    const presented = bearer(requestOf({ header: { [name]: pem } }));
    expect(await bindingSays({ presented, claims: { cnf } })).toBe("proof_missing: a client certificate");
  });

  it.each([
    ["without a certificate", { presented: bearer(), claims: { cnf } }, "proof_missing"],
    [
      "with another certificate",
      { presented: bearer(requestOf({ clientCertificate: Buffer.from("another") })), claims: { cnf } },
      "proof_invalid",
    ],
    [
      "with an empty certificate",
      { presented: bearer(requestOf({ clientCertificate: new Uint8Array() })), claims: { cnf } },
      "proof_invalid",
    ],
    [
      "with neither thumbprint nor certificate, if the entry requires one",
      { presented: bearer(), entry: { proof: "certificate" } },
      "claim_missing: cnf.x5t#S256",
    ],
    [
      "unbound, over a connection with a certificate, if the entry requires binding",
      { presented: held, entry: { proof: "certificate" } },
      "claim_missing: cnf.x5t#S256",
    ],
    [
      "with the certificate, but also bound to a key",
      { presented: held, claims: { cnf: { ...cnf, jkt: sha256("key") } } },
      "proof_missing: DPoP",
    ],
  ] as const satisfies readonly (readonly [string, Tried, string])[])(
    "a token is rejected %s",
    async (_, tried, says) => {
      expect(await bindingSays(tried)).toMatch(new RegExp(`^${says}`));
    },
  );

  it.each([
    ["not a text", { "x5t#S256": 1 }],
    ["in hex", { "x5t#S256": sha256(certificate, "hex") }],
    ["padded", { "x5t#S256": `${sha256(certificate)}=` }],
    ["one character short", { "x5t#S256": sha256(certificate).slice(1) }],
    ["null", null],
    ["a text", sha256(certificate)],
    ["a list", [cnf]],
    ["empty", {}],
    ["of a kind that is not checked", { kid: "k1" }],
    ["a key of its own", { jwk: { kty: "EC" } }],
  ])("a token is rejected with a confirmation that is %s", async (_, confirmation) => {
    expect(await bindingSays({ presented: held, claims: { cnf: confirmation } })).toBe("claim_mismatch: cnf");
  });
});

describe("a token that is bound to a body", () => {
  const { body } = requestOf();
  const entry = { bodyDigestClaim: ["https://sts.amazonaws.com/", "request_tags", "body"] };
  const claiming = (digest: unknown) => ({ "https://sts.amazonaws.com/": { request_tags: { body: digest } } });

  it.each([
    ["hex", sha256(body, "hex")],
    ["base64url", sha256(body)],
  ])("a token bound to a body is accepted with that body alone: digest in %s", async (_, digest) => {
    expect(await bindingSays({ presented: bearer(), claims: claiming(digest), entry })).toBe("accepted");
    const presented = bearer(requestOf({ body: Buffer.from('{"state":"failed"}') }));
    expect(await bindingSays({ presented, claims: claiming(digest), entry })).toMatch(/^body_digest_mismatch: https/);
  });

  it.each([
    ["no claim", {}, "claim_missing"],
    ["an empty text", claiming(""), "body_digest_mismatch"],
    ["a number", claiming(7), "body_digest_mismatch"],
    ["a list with it", claiming([sha256(body, "hex")]), "body_digest_mismatch"],
    ["another spelling of hex", claiming(sha256(body, "hex").toUpperCase()), "body_digest_mismatch"],
    ["padding", claiming(`${sha256(body)}=`), "body_digest_mismatch"],
    ["a prefix", claiming(`sha256:${sha256(body, "hex")}`), "body_digest_mismatch"],
    ["a line break", claiming(`${sha256(body, "hex")}\n`), "body_digest_mismatch"],
    ["the digest of nothing", claiming(sha256("", "hex")), "body_digest_mismatch"],
  ])("a token bound to a body is rejected: %s", async (_, claims, says) => {
    expect(await bindingSays({ presented: bearer(), claims, entry })).toMatch(new RegExp(`^${says}: https`));
  });

  it("a token bound to a body is rejected after any single bit of the body has changed", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(body.length * 8 - 1), async (bit) => {
        const other = Buffer.from(body);
        other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const presented = bearer(requestOf({ body: other }));
        expect(await bindingSays({ presented, claims: claiming(sha256(body)), entry })).toMatch(
          /^body_digest_mismatch/,
        );
      }),
    );
  });
});

describe("a token that is good for one use", () => {
  const entry = { singleUse: true };
  const delivery = (changes: Parameters<typeof requestOf>[0] = {}) => requestOf({ repeatable: true, ...changes });

  /** The result for `second` after `first` was accepted. */
  async function resultOfSecond(
    first: TokenRequest,
    second: TokenRequest,
    tokens: readonly [string, string] = [token, token],
  ) {
    const deps = { replayCache: memoryReplayCache() };
    const at = (n: 0 | 1, request: TokenRequest) => ({
      presented: { ...bearer(request), token: tokens[n] },
      entry,
      deps,
    });
    expect(await bindingSays(at(0, first))).toBe("accepted");
    return bindingSays(at(1, second));
  }

  it.each([
    ["another body", delivery(), delivery({ body: Buffer.from("{}") })],
    ["another path", delivery(), delivery({ url: new URL(`${BRIDGE}2`) })],
    ["another query", delivery(), delivery({ url: new URL(`${BRIDGE}?x=1`) })],
    ["another method", delivery(), delivery({ method: "PUT" })],
    ["another header", delivery(), delivery({ header: { "ce-id": "2" } })],
    ["a changed header", delivery({ header: { "ce-id": "1" } }), delivery({ header: { "ce-id": "2" } })],
    ["the same request if it is not a delivery", requestOf(), requestOf()],
    ["a delivery, after something else", requestOf(), delivery()],
  ])("a single-use token is rejected for %s", async (_, first, second) => {
    expect(await resultOfSecond(first, second)).toBe("token_replayed");
  });

  it.each([
    ["the same delivery again", delivery(), delivery()],
    [
      "the same delivery by another way",
      delivery({ header: { "x-amzn-trace-id": "1" } }),
      delivery({ header: { via: "b" } }),
    ],
  ])("a single-use token is accepted for %s", async (_, first, second) => {
    expect(await resultOfSecond(first, second)).toBe("accepted");
  });

  it("a single-use token is recognized again whatever its signature", async () => {
    const again = `${token.slice(0, token.lastIndexOf("."))}.${Buffer.alloc(64, 7).toString("base64url")}`;
    expect(await resultOfSecond(delivery(), requestOf(), [token, again])).toBe("token_replayed");
    expect(await resultOfSecond(delivery(), requestOf(), [token, tokenWith({ jti: "another" })])).toBe("accepted");
  });

  it("a single-use token is accepted for one of many parallel requests", async () => {
    const deps = { replayCache: memoryReplayCache() };
    const bodies = Array.from({ length: 20 }, (_, n) => delivery({ body: Buffer.from(`{"n":${n}}`) }));
    const said = await Promise.all(bodies.map((body) => bindingSays({ presented: bearer(body), entry, deps })));
    expect(said.filter((what) => what === "accepted")).toHaveLength(1);
  });

  it("a single-use token is not used up by a rejected request", async () => {
    const deps = { replayCache: memoryReplayCache() };
    const strict = { presented: bearer(delivery()), entry: { ...entry, bodyDigestClaim: "body" }, deps };
    expect(await bindingSays({ ...strict, claims: { body: "wrong" } })).toBe("body_digest_mismatch: body");
    expect(await bindingSays({ ...strict, claims: { body: sha256(requestOf().body) } })).toBe("accepted");
  });

  it("a single-use token is remembered until it has expired, skew included, and rounded up", async () => {
    const taken: number[] = [];
    const replayCache = { take: async (...[, , until]: [string, string, number]) => taken.push(until) > 0 };
    const claims = { exp: 1_793_610_290.4 };
    await bindingSays({ presented: bearer(), claims, entry: { ...entry, clockSkewSeconds: 7 }, deps: { replayCache } });
    expect(taken).toEqual([1_793_610_298]);
  });

  it("a single-use token is never accepted if the replay cache fails or is missing", async () => {
    const fault = new Fault("store_unavailable", "no answer", { retryable: true });
    const replayCache = { take: () => Promise.reject(fault) };
    await expect(bindingSays({ presented: bearer(), entry, deps: { replayCache } })).rejects.toBe(fault);
    await expect(
      bindingSays({ presented: bearer(), entry, deps: { replayCache: noReplayCache } }),
    ).rejects.toMatchObject({
      code: "configuration_invalid",
    });
  });
});
