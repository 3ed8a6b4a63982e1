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
import { TABLE } from "../shared/store/dynamodb/key-schema.ts";
import { viaService } from "./via-service.ts";

export interface DeliveryTableProps {
  /** It outlives the stack and refuses to be deleted. */
  readonly keep: boolean;
  readonly customerKey: boolean;
  /** Other regions that hold a copy. */
  readonly replicaRegions: readonly string[];
}

export type TableAction = "GetItem" | "PutItem" | "UpdateItem" | "Query";
export type TableIndex = typeof TABLE.dayIndex.name | typeof TABLE.dueIndex.name;

/**
 * The one table: idempotency records, audit records, outbox, actions and boards. A copy in another region is read, never
 * written: a condition holds in the region that it is written in, so two writers would record one delivery twice. Its
 * stream has no reader, so nothing is relayed twice.
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
      // A copy needs old images too, and no stream's view can be changed. The relay is handed none: an insert has none.
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

  /** Lets `grantee` do exactly these actions on the table, and query exactly these of its indexes. */
  allow(grantee: IGrantable, actions: readonly TableAction[], indexes: readonly TableIndex[] = []): void {
    const { grantPrincipal } = grantee;
    const { tableArn, encryptionKey } = this.table;
    const on = (resources: string[], ...names: readonly TableAction[]): void =>
      void grantPrincipal.addToPrincipalPolicy(
        new PolicyStatement({ actions: names.map((name) => `dynamodb:${name}`), resources }),
      );
    on([tableArn], ...actions);
    if (indexes.length > 0) {
      on(
        indexes.map((index) => `${tableArn}/index/${index}`),
        "Query",
      );
    }
    if (encryptionKey === undefined) return;
    const conditions = viaService(Stack.of(this), "dynamodb");
    grantPrincipal.addToPrincipalPolicy(
      new PolicyStatement({ actions: [...KEY_ACTIONS], resources: [encryptionKey.keyArn], conditions }),
    );
  }
}

/** What a caller of a table with a customer's key may do with it (DynamoDB developer guide, "Authorizing use of a key"). */
const KEY_ACTIONS = ["Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo"].map(
  (name) => `kms:${name}`,
);

const text = (name: string) => ({ name, type: AttributeType.STRING });
