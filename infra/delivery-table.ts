import { RemovalPolicy, Stack } from "aws-cdk-lib";
import {
  AttributeType,
  Billing,
  ProjectionType,
  StreamViewType,
  TableEncryptionV2,
  TableV2,
} from "aws-cdk-lib/aws-dynamodb";
import { type IGrantable, PolicyStatement } from "aws-cdk-lib/aws-iam";
import { Key } from "aws-cdk-lib/aws-kms";
import { Construct } from "constructs";
import { TABLE } from "../shared/store/key-schema.ts";
import { viaService } from "./via-service.ts";

export interface DeliveryTableProps {
  /** Whether the table stays when the stack is deleted, and has deletion protection. */
  readonly keep: boolean;
  /** Whether to encrypt the table with a customer-managed KMS key, which is created here. */
  readonly customerKey: boolean;
  /** Other regions with a replica. */
  readonly replicaRegions: readonly string[];
}

export type TableAction = "GetItem" | "PutItem" | "UpdateItem" | "Query";
export type TableIndex = typeof TABLE.dayIndex.name | typeof TABLE.dueIndex.name;

/**
 * The single table: idempotency records, audit records, outbox, actions and boards. A replica in another region is only
 * read: a condition holds only in the region of the write, so two writers would record one delivery twice. The stream of a
 * replica has no reader, so nothing is relayed twice.
 */
export class DeliveryTable extends Construct {
  readonly table: TableV2;

  constructor(scope: Construct, id: string, { keep, customerKey, replicaRegions }: DeliveryTableProps) {
    super(scope, id);
    const removalPolicy = keep ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    const key = customerKey ? new Key(this, "Key", { enableKeyRotation: true, removalPolicy }) : undefined;
    this.table = new TableV2(this, "Table", {
      partitionKey: text(TABLE.partitionKey),
      sortKey: text(TABLE.sortKey),
      billing: Billing.onDemand(),
      timeToLiveAttribute: TABLE.timeToLive,
      // Replicas require old images too, and the view of a stream cannot change. The relay reads inserts, which have none.
      dynamoStream: StreamViewType.NEW_AND_OLD_IMAGES,
      replicas: replicaRegions.map((region) => ({ region })),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      encryption: key ? TableEncryptionV2.customerManagedKey(key) : TableEncryptionV2.dynamoOwnedKey(),
      deletionProtection: keep,
      removalPolicy,
      globalSecondaryIndexes: [
        {
          indexName: TABLE.dayIndex.name,
          partitionKey: text(TABLE.dayIndex.partitionKey),
          sortKey: text(TABLE.dayIndex.sortKey),
          projectionType: ProjectionType.INCLUDE,
          nonKeyAttributes: [...TABLE.dayIndex.projected],
        },
        {
          indexName: TABLE.dueIndex.name,
          partitionKey: text(TABLE.dueIndex.partitionKey),
          sortKey: { name: TABLE.dueIndex.sortKey, type: AttributeType.NUMBER },
          projectionType: ProjectionType.KEYS_ONLY,
        },
      ],
    });
  }

  /** Allows `grantee` exactly these actions on the table, and queries of exactly these indexes. */
  allow(grantee: IGrantable, actions: readonly TableAction[], indexes: readonly TableIndex[] = []): void {
    const { grantPrincipal } = grantee;
    const { tableArn, encryptionKey } = this.table;
    grantPrincipal.addToPrincipalPolicy(
      new PolicyStatement({ actions: actions.map((name) => `dynamodb:${name}`), resources: [tableArn] }),
    );
    if (indexes.length > 0) {
      const resources = indexes.map((index) => `${tableArn}/index/${index}`);
      grantPrincipal.addToPrincipalPolicy(new PolicyStatement({ actions: ["dynamodb:Query"], resources }));
    }
    if (encryptionKey === undefined) return;
    const conditions = viaService(Stack.of(this), "dynamodb");
    grantPrincipal.addToPrincipalPolicy(
      new PolicyStatement({ actions: [...KEY_ACTIONS], resources: [encryptionKey.keyArn], conditions }),
    );
  }
}

/** Key actions that a caller of an encrypted table needs (DynamoDB developer guide, "Authorizing use of a key"). */
const KEY_ACTIONS = ["Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo"].map(
  (name) => `kms:${name}`,
);

const text = (name: string) => ({ name, type: AttributeType.STRING });
