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
import type { TableIndex } from "../shared/store/table.ts";
import { viaService } from "./via-service.ts";

export interface DeliveryTableProps {
  /** Whether the table stays when the stack is deleted, and has deletion protection. */
  readonly keep: boolean;
  /** Whether to encrypt the table with a customer-managed KMS key, which is created here. */
  readonly customerKey: boolean;
  /** Whether the index of an earlier release stays, because this deployment adds another one. */
  readonly keepDayIndex: boolean;
  /** Other regions with a replica. */
  readonly replicaRegions: readonly string[];
}

export type TableAction = "GetItem" | "PutItem" | "UpdateItem" | "Query" | "Scan";

/**
 * The single table: idempotency records, audit records, outbox, actions and boards. A replica in another region is only
 * read: a condition holds only in the region of the write, so two writers would record one delivery twice. The stream of a
 * replica has no reader, so nothing is relayed twice.
 */
export class DeliveryTable extends Construct {
  readonly table: TableV2;

  constructor(scope: Construct, id: string, { keep, customerKey, keepDayIndex, replicaRegions }: DeliveryTableProps) {
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
        ...(keepDayIndex ? [DAY_INDEX] : []),
        {
          indexName: TABLE.dueIndex.name,
          partitionKey: text(TABLE.dueIndex.partitionKey),
          sortKey: { name: TABLE.dueIndex.sortKey, type: AttributeType.NUMBER },
          projectionType: ProjectionType.KEYS_ONLY,
        },
        {
          indexName: TABLE.stateIndex.name,
          partitionKey: text(TABLE.stateIndex.partitionKey),
          sortKey: text(TABLE.stateIndex.sortKey),
          projectionType: ProjectionType.INCLUDE,
          nonKeyAttributes: [...TABLE.stateIndex.projected],
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

/** No item has these attributes any more, so it costs nothing. */
const DAY_INDEX = {
  indexName: "by-day",
  partitionKey: { name: "day", type: AttributeType.STRING },
  sortKey: { name: "seen", type: AttributeType.STRING },
  projectionType: ProjectionType.INCLUDE,
  nonKeyAttributes: ["source", "outcome", "what", "subject", "principal", "refusal"],
};

const text = (name: string) => ({ name, type: AttributeType.STRING });
