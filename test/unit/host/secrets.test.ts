import { inspect } from "node:util";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { LocalSecrets, readBoth, Secret, secretRef } from "../../../shared/host/secrets.ts";

describe("a secret", () => {
  it("a secret shows its value only where it is revealed", () => {
    const secret = new Secret("canary-value");
    const shown = [
      String(secret),
      `${secret}`,
      JSON.stringify({ secret }),
      inspect(secret),
      inspect({ secret }, { depth: 9 }),
    ];
    for (const text of shown) expect(text).not.toContain("canary-value");
    expect(secret.reveal()).toBe("canary-value");
  });

  it.each(["env:NAME", "file:/run/secrets/wiki", "secretsmanager:bridge/wiki#token", "ssm:/bridge/wiki"])(
    "a secret may be referenced as %s",
    (ref) => {
      expect(v.is(secretRef, ref)).toBe(true);
    },
  );

  it.each(["hunter2", "", "env:", "env:1A", "file:", "ssm:wiki", "ENV:NAME", "https://vault.example.com/wiki"])(
    "the text %j is not a reference to a secret",
    (ref) => {
      expect(v.is(secretRef, ref)).toBe(false);
    },
  );
});

describe("local secrets", () => {
  it("local secrets come from the environment, current before next", async () => {
    const secrets = new LocalSecrets({ NOW: "one", SOON: "two" });
    const both = await readBoth(secrets, { current: "env:NOW", next: "env:SOON" });
    expect(both.map(({ label, secret }) => [label, secret.reveal()])).toEqual([
      ["current", "one"],
      ["next", "two"],
    ]);
    expect(await readBoth(secrets, { current: "env:NOW" })).toHaveLength(1);
  });

  it.each(["env:MISSING", "env:EMPTY", "file:/no/such/file", "secretsmanager:name", "ssm:/name"])(
    "a local secret that cannot be read is a fault that names the reference: %s",
    async (ref) => {
      const fault = expect.objectContaining({ code: "secret_unavailable", message: expect.stringContaining(ref) });
      await expect(new LocalSecrets({ EMPTY: "" }).read(ref)).rejects.toEqual(fault);
    },
  );
});
