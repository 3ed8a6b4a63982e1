import { beforeAll, describe, expect, it } from "vitest";
import { type CompiledConfig, compileConfig } from "../../infra/compile-config.ts";
import { EVERYTHING, readable, synthesise } from "./synthesised.ts";

let compiled: CompiledConfig;
beforeAll(async () => {
  compiled = await compileConfig(EVERYTHING);
});

/** The same configuration with an identity that names these keys. */
function withKeys(keys: string[]): CompiledConfig {
  const { identity } = compiled.config;
  if (identity === undefined) throw new Error("the configuration has no identity");
  return { ...compiled, config: { ...compiled.config, identity: { ...identity, keys } } };
}

async function keyIdsWith(context: Readonly<Record<string, unknown>>): Promise<string> {
  const { resources } = await synthesise(context, compiled);
  const { Environment } = { ...resources("AWS::Lambda::Function").get("ReceiveHandler")?.Properties };
  return readable((Environment as { Variables: Record<string, unknown> }).Variables["SIGNING_KEY_IDS"]);
}

describe("the keys that sign the bridge's tokens", () => {
  it("the key is on curve P-256, only signs, has no alias that may conflict, and is retained", async () => {
    const { resources } = await synthesise({}, compiled);
    const [key, ...others] = resources("AWS::KMS::Key").values();
    expect(others).toEqual([]);
    expect(key?.Properties).toMatchObject({ KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY" });
    expect(key?.Properties).not.toHaveProperty("EnableKeyRotation");
    expect(key?.DeletionPolicy).toBe("Retain");
    expect(resources("AWS::KMS::Alias").size).toBe(0);
  });

  it("the key is deleted with the stack if nothing is to be kept", async () => {
    const { resources } = await synthesise({ keep: "false" }, compiled);
    expect([...resources("AWS::KMS::Key").values()].map(({ DeletionPolicy }) => DeletionPolicy)).toEqual(["Delete"]);
  });

  it("the key is rotated in three deployments (second, first, alone), and no key is replaced by another", async () => {
    expect(await keyIdsWith({})).toBe("SigningKeysa");
    expect(await keyIdsWith({ signingKeys: "a,b" })).toBe("SigningKeysa,SigningKeysb");
    expect(await keyIdsWith({ signingKeys: "b,a" })).toBe("SigningKeysb,SigningKeysa");
    expect(await keyIdsWith({ signingKeys: "b" })).toBe("SigningKeysb");
  });

  it("no key is created if the configuration has no identity", async () => {
    const { resources } = await synthesise();
    expect(resources("AWS::KMS::Key").size).toBe(0);
  });

  it("no key is created if the configuration names its own, and the same functions may use those", async () => {
    const own = "arn:aws:kms:eu-central-1:111111111111:key/own";
    const { resources, permissions } = await synthesise({}, withKeys(["kms:1234-abcd", `kms:${own}`]));
    expect(resources("AWS::KMS::Key").size).toBe(0);
    const named = "arn:aws-Partition:kms:aws-Region:aws-AccountId:key/1234-abcd";
    expect(permissions("ReceiveRole")).toMatchObject({ [named]: ["kms:GetPublicKey"], [own]: ["kms:GetPublicKey"] });
    expect(permissions("ActtektonRole")[named]).toEqual(["kms:GetPublicKey", "kms:Sign"]);
  });

  it("keys may be secrets, which only receive and the signing actions may read", async () => {
    const { resources, permissions } = await synthesise({}, withKeys(["ssm:/drawbridge/bridge-key"]));
    const secret = "arn:aws-Partition:ssm:aws-Region:aws-AccountId:parameter/drawbridge/bridge-key";
    const readers = [...resources("AWS::IAM::Role").keys()].filter((role) => secret in permissions(role));
    expect(readers.sort()).toEqual(["ActtektonRole", "ReceiveRole"]);
  });
});
