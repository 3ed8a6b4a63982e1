import { beforeAll, describe, expect, it } from "vitest";
import { type CompiledConfig, compileConfig } from "../../infra/compile-config.ts";
import { EVERYTHING, readable, synthesise } from "./synthesised.ts";

let compiled: CompiledConfig;
beforeAll(async () => {
  compiled = await compileConfig(EVERYTHING);
});

/** The same configuration, whose identity names these keys itself. */
function withKeys(keys: string[]): CompiledConfig {
  const { identity } = compiled.config;
  if (identity === undefined) throw new Error("the configuration has no identity");
  return { ...compiled, config: { ...compiled.config, identity: { ...identity, keys } } };
}

async function told(context: Readonly<Record<string, unknown>>): Promise<string> {
  const { resources } = await synthesise(context, compiled);
  const { Environment } = { ...resources("AWS::Lambda::Function").get("ReceiveHandler")?.Properties };
  return readable((Environment as { Variables: Record<string, unknown> }).Variables["SIGNING_KEY_IDS"]);
}

describe("the keys that sign the bridge's tokens", () => {
  it("are on curve P-256, do nothing else, have no name that another installation could want, and are kept", async () => {
    const { resources } = await synthesise({}, compiled);
    const [key, ...others] = resources("AWS::KMS::Key").values();
    expect(others).toEqual([]);
    expect(key?.Properties).toMatchObject({ KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY" });
    expect(key?.Properties).not.toHaveProperty("EnableKeyRotation");
    expect(key?.DeletionPolicy).toBe("Retain");
    expect(resources("AWS::KMS::Alias").size).toBe(0);
  });

  it("go with the stack where nothing is kept", async () => {
    const { resources } = await synthesise({ keep: "false" }, compiled);
    expect([...resources("AWS::KMS::Key").values()].map(({ DeletionPolicy }) => DeletionPolicy)).toEqual(["Delete"]);
  });

  it("change in three deployments: beside, in front, alone, and no key becomes another", async () => {
    expect(await told({})).toBe("SigningKeysa");
    expect(await told({ signingKeys: "a,b" })).toBe("SigningKeysa,SigningKeysb");
    expect(await told({ signingKeys: "b,a" })).toBe("SigningKeysb,SigningKeysa");
    expect(await told({ signingKeys: "b" })).toBe("SigningKeysb");
  });

  it("are not made where the configuration has no identity", async () => {
    const { resources } = await synthesise();
    expect(resources("AWS::KMS::Key").size).toBe(0);
  });

  it("are not made where the configuration names its own: those may be used, by the same functions", async () => {
    const own = "arn:aws:kms:eu-central-1:111111111111:key/own";
    const { resources, permissions } = await synthesise({}, withKeys(["kms:1234-abcd", `kms:${own}`]));
    expect(resources("AWS::KMS::Key").size).toBe(0);
    const named = "arn:aws-Partition:kms:aws-Region:aws-AccountId:key/1234-abcd";
    expect(permissions("ReceiveRole")).toMatchObject({ [named]: ["kms:GetPublicKey"], [own]: ["kms:GetPublicKey"] });
    expect(permissions("ActtektonRole")[named]).toEqual(["kms:GetPublicKey", "kms:Sign"]);
  });

  it("may be secrets, which receive and the signing actions alone may read", async () => {
    const { resources, permissions } = await synthesise({}, withKeys(["ssm:/drawbridge/bridge-key"]));
    const secret = "arn:aws-Partition:ssm:aws-Region:aws-AccountId:parameter/drawbridge/bridge-key";
    const readers = [...resources("AWS::IAM::Role").keys()].filter((role) => secret in permissions(role));
    expect(readers.sort()).toEqual(["ActtektonRole", "ReceiveRole"]);
  });
});
