import { RemovalPolicy } from "aws-cdk-lib";
import {
  AttributeType,
  BillingMode,
  ProjectionType,
  StreamViewType,
  Table,
  TableEncryption,
} from "aws-cdk-lib/aws-dynamodb";
import { type IGrantable, PolicyStatement } from "aws-cdk-lib/aws-iam";
import { Construct } from "constructs";
import { TABLE } from "../shared/store/table.ts";

export interface DeliveryTableProps {
  /** It outlives the stack and refuses to be deleted. */
  readonly keep: boolean;
  readonly customerKey: boolean;
}

export type TableAction = "GetItem" | "PutItem" | "UpdateItem" | "Query";
export type TableIndex = typeof TABLE.dayIndex.name | typeof TABLE.dueIndex.name;

/** The one table: idempotency records, audit records, outbox, actions and boards. */
export class DeliveryTable extends Construct {
  readonly table: Table;

  constructor(scope: Construct, id: string, { keep, customerKey }: DeliveryTableProps) {
    super(scope, id);
    const removalPolicy = keep ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    this.table = new Table(this, "Table", {
      partitionKey: text(TABLE.partitionKey),
      sortKey: text(TABLE.sortKey),
      billingMode: BillingMode.PAY_PER_REQUEST,
      timeToLiveAttribute: TABLE.timeToLive,
      stream: StreamViewType.NEW_IMAGE,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      encryption: customerKey ? TableEncryption.CUSTOMER_MANAGED : TableEncryption.DEFAULT,
      deletionProtection: keep,
      removalPolicy,
    });
    this.table.encryptionKey?.applyRemovalPolicy(removalPolicy);
    this.table.addGlobalSecondaryIndex({
      indexName: TABLE.dayIndex.name,
      partitionKey: text(TABLE.dayIndex.partitionKey),
      sortKey: text(TABLE.dayIndex.sortKey),
      projectionType: ProjectionType.INCLUDE,
      nonKeyAttributes: [...TABLE.dayIndex.projected],
    });
    this.table.addGlobalSecondaryIndex({
      indexName: TABLE.dueIndex.name,
      partitionKey: text(TABLE.dueIndex.partitionKey),
      sortKey: { name: TABLE.dueIndex.sortKey, type: AttributeType.NUMBER },
      projectionType: ProjectionType.KEYS_ONLY,
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
    encryptionKey?.grant(grantee, ...KEY_ACTIONS);
  }
}

/** What a caller of a table with a customer's key may do with it (DynamoDB developer guide, "Authorizing use of a key"). */
const KEY_ACTIONS = ["Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo"].map(
  (name) => `kms:${name}`,
);

const text = (name: string) => ({ name, type: AttributeType.STRING });
