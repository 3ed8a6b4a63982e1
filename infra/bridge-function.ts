import { AssetHashType, DockerImage, type Duration, RemovalPolicy, Validations } from "aws-cdk-lib";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Architecture, Code, Function as Handler, type IFunction, Runtime, Tracing } from "aws-cdk-lib/aws-lambda";
import { type ILogGroup, LogGroup, type RetentionDays } from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";
import { buildSync } from "esbuild";
import { bundling, entryOf, type FunctionName, PROJECT_ROOT } from "./bundling.ts";
import { MEMORY_MB } from "./memory.ts";

/** What all functions of an installation have in common. */
export interface FunctionDefaults {
  /** Name of the installation: its log lines and metrics carry it. */
  readonly stage: string;
  /** The plain value of `drawbridge.yaml`. */
  readonly configuration: unknown;
  readonly logRetention: RetentionDays;
  /** Whether X-Ray records calls. The bridge's own traces, which go from request to target, need none of it. */
  readonly tracing: boolean;
}

export interface BridgeFunctionProps extends FunctionDefaults {
  readonly name: FunctionName;
  readonly description: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly timeout: Duration;
  /** Default 512; processor time grows with it. */
  readonly memoryMb?: number | undefined;
  /** Copies kept for this function, which is also its most. Default: it shares the account's. */
  readonly reservedConcurrency?: number | undefined;
}

/** A function with our defaults, a role of its own that may write its own log (and traces), and nothing else yet. */
export class BridgeFunction extends Construct {
  readonly handler: IFunction;
  readonly log: ILogGroup;

  constructor(scope: Construct, id: string, props: BridgeFunctionProps) {
    super(scope, id);
    const { name, description, configuration, stage, environment, timeout, memoryMb = MEMORY_MB } = props;
    this.log = new LogGroup(this, "Log", { retention: props.logRetention, removalPolicy: RemovalPolicy.DESTROY });
    const role = new Role(this, "Role", { assumedBy: new ServicePrincipal("lambda.amazonaws.com") });
    this.log.grantWrite(role);
    this.handler = new Handler(this, "Handler", {
      description,
      code: codeOf(name, configuration),
      handler: "index.handler",
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: memoryMb,
      // `DISABLED` is Lambda's default: it passes the trace's id on, and records nothing.
      tracing: props.tracing ? Tracing.ACTIVE : Tracing.DISABLED,
      environment: { STAGE: stage, ...environment },
      timeout,
      role,
      logGroup: this.log,
      ...(props.reservedConcurrency !== undefined && { reservedConcurrentExecutions: props.reservedConcurrency }),
    });
    Validations.of(role).acknowledge({
      id: "AwsSolutions-IAM5[Resource::*]",
      reason:
        "X-Ray's two write actions, and STS's GetWebIdentityToken, take no resource (Service Authorization Reference)",
    });
  }
}

/** Known by what was built, so that a function changes only when its own code does. */
const codeOf = (name: FunctionName, configuration: unknown): Code =>
  Code.fromAsset(PROJECT_ROOT, {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      local: {
        // CDK takes bundles of the same source with the same data in here for the same bundle, and sees no function.
        ...{ name, configuration },
        tryBundle: (outdir) => {
          buildSync(bundling(entryOf(name), outdir, configuration));
          return true;
        },
      },
      // CDK asks for an image, for where the above gives up. It never does.
      image: DockerImage.fromRegistry("none"),
    },
  });
