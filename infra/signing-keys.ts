import { RemovalPolicy, Stack } from "aws-cdk-lib";
import { type IGrantable, PolicyStatement } from "aws-cdk-lib/aws-iam";
import { Key, KeySpec, KeyUsage } from "aws-cdk-lib/aws-kms";
import { Construct } from "constructs";
import type { BridgeIdentity } from "../shared/outbound/bridge-identity.ts";

export interface SigningKeysProps {
  readonly identity: BridgeIdentity;
  /** Names of the keys that are made where the identity names none; the first signs. */
  readonly names: readonly string[];
  /** They outlive the stack. */
  readonly keep: boolean;
}

/**
 * The keys in KMS that the bridge signs its tokens with. KMS rotates no asymmetric key by itself
 * (https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html): a second one is made beside the first.
 */
export class SigningKeys extends Construct {
  /** What the functions are told: the keys that were made here. */
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

  /** Lets a function tell others what to verify tokens with. */
  mayPublish(grantee: IGrantable): void {
    this.#allow(grantee, ["kms:GetPublicKey"]);
  }

  /** Lets a function make tokens, with any of the keys: while they change places, both sign. */
  maySign(grantee: IGrantable): void {
    this.#allow(grantee, ["kms:GetPublicKey", "kms:Sign"]);
  }

  #key(name: string, keep: boolean): Key {
    return new Key(this, name, {
      description: `Drawbridge signs its tokens: ${name}`,
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
