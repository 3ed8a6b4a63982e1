import { Webhooks } from "@octokit/webhooks";
import { describe, expect, it } from "vitest";
import { github } from "../../../../shared/providers/github/index.ts";
import { connectFixtureSource, fixturesOf, requestOf } from "../../../support/provider-fixtures.ts";

const KEY = "a secret with ümlauts";
const source = connectFixtureSource(github, {
  settings: { secret: { current: "env:KEY" } },
  environment: { KEY },
});
const library = new Webhooks({ secret: KEY });
const fixtures = fixturesOf("github");
const textOf = (body: Uint8Array): string => Buffer.from(body).toString("utf8");

/** The library of the sender is the oracle. */
describe("the signature of a webhook", () => {
  it("a request that GitHub's library signs is accepted", async () => {
    for (const fixture of fixtures) {
      const headers = new Headers({ "x-hub-signature-256": await library.sign(textOf(fixture.body)) });
      const proof = await source.authenticate(requestOf(fixture, headers));
      expect(proof).toMatchObject({ ok: true, value: { principal: { method: "hub-signature" } } });
    }
  });

  it("a request that the bridge signs is accepted by GitHub's library", async () => {
    for (const { body, url } of fixtures) {
      const headers = await source.sign?.({ url, headers: new Headers(), body });
      const signature = headers?.get("x-hub-signature-256") ?? "";
      expect(await library.verify(textOf(body), signature)).toBe(true);
      expect(await library.verify(`${textOf(body)} `, signature)).toBe(false);
    }
  });

  it("a request with a signature of SHA-1 alone is rejected", async () => {
    const [fixture] = fixtures;
    if (!fixture) throw new Error("there are fixtures");
    const headers = new Headers({ "x-hub-signature": `sha1=${"0".repeat(40)}` });
    expect(await source.authenticate(requestOf(fixture, headers))).toMatchObject({
      rejection: { reason: "credential_missing" },
    });
  });
});
