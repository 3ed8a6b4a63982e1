import { RemovalPolicy, Stack } from "aws-cdk-lib";
import { type IGrantable, PolicyStatement } from "aws-cdk-lib/aws-iam";
import { Key, KeySpec, KeyUsage } from "aws-cdk-lib/aws-kms";
import { Construct } from "constructs";
import type { BridgeIdentity } from "../shared/outbound/bridge-identity.ts";

export interface SigningKeysProps {
  readonly identity: BridgeIdentity;
  /** Names of the keys to create if the identity names none. The first one signs. */
  readonly names: readonly string[];
  /** Whether the keys stay when the stack is deleted. */
  readonly keep: boolean;
}

/**
 * The KMS keys that sign the bridge's tokens. KMS does not rotate asymmetric keys
 * (https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html), so a rotation adds a second key.
 */
export class SigningKeys extends Construct {
  /** Environment of the functions: the ids of the keys that were created here. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #arns: readonly string[];

  constructor(scope: Construct, id: string, { identity, names, keep }: SigningKeysProps) {
    super(scope, id);
    if (identity.keys === undefined) {
      const keys = names.map((name) => this.#key(name, keep));
      this.environment = { SIGNING_KEY_IDS: keys.map(({ keyId }) => keyId).join(",") };
      this.#arns = keys.map(({ keyArn }) => keyArn);
    } else {
      this.environment = {};
      this.#arns = identity.keys.flatMap((ref) => (ref.startsWith(KMS) ? this.#arnOf(ref.slice(KMS.length)) : []));
    }
  }

  /** Allows a function to publish the public keys. */
  grantPublish(grantee: IGrantable): void {
    this.#allow(grantee, ["kms:GetPublicKey"]);
  }

  /** Allows a function to sign tokens with any of the keys. During a rotation both sign. */
  grantSign(grantee: IGrantable): void {
    this.#allow(grantee, ["kms:GetPublicKey", "kms:Sign"]);
  }

  #key(name: string, keep: boolean): Key {
    return new Key(this, name, {
      description: `Signs the tokens of Drawbridge: ${name}`,
      keySpec: KeySpec.ECC_NIST_P256,
      keyUsage: KeyUsage.SIGN_VERIFY,
      removalPolicy: keep ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
  }

  #arnOf(key: string): string {
    return key.startsWith("arn:")
      ? key
      : Stack.of(this).formatArn({ service: "kms", resource: "key", resourceName: key });
  }

  #allow({ grantPrincipal }: IGrantable, actions: string[]): void {
    if (this.#arns.length === 0) return;
    grantPrincipal.addToPrincipalPolicy(new PolicyStatement({ actions, resources: [...this.#arns] }));
  }
}

const KMS = "kms:";
