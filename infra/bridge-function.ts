import { AssetHashType, DockerImage, type Duration, RemovalPolicy, Validations } from "aws-cdk-lib";
import { type IRole, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Architecture, Code, Function as Handler, RecursiveLoop, Runtime, Tracing } from "aws-cdk-lib/aws-lambda";
import { type ILogGroup, LogGroup, type RetentionDays } from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";
import { bundle } from "./bundle.ts";
import { entryOf, type FunctionName, PROJECT_ROOT } from "./bundling.ts";
import { MEMORY_MB } from "./memory.ts";

/** Settings that all functions of an installation share. */
export interface FunctionDefaults {
  /** Name of the installation, in its log lines and metrics. */
  readonly stage: string;
  /** The parsed `drawbridge.yaml`. */
  readonly configuration: unknown;
  readonly logRetention: RetentionDays;
  /** Whether X-Ray records calls. The bridge's own traces, from request to target, do not need it. */
  readonly tracing: boolean;
}

export interface BridgeFunctionProps extends FunctionDefaults {
  readonly name: FunctionName;
  readonly description: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly timeout: Duration;
  /** Default 512. Processor time is proportional to it. */
  readonly memoryMb?: number | undefined;
  /** Concurrency that is reserved for this function and is also its maximum. Default: it shares the account's. */
  readonly reservedConcurrency?: number | undefined;
  /** Whether Lambda calls it for messages that went round between functions more than 16 times. Default false. */
  readonly mayLoop?: boolean;
}

/** A function with the project's defaults. Its own role may write its log and traces, and nothing else yet. */
export class BridgeFunction extends Construct {
  readonly handler: Handler;
  readonly role: IRole;
  readonly log: ILogGroup;

  constructor(scope: Construct, id: string, props: BridgeFunctionProps) {
    super(scope, id);
    const { name, description, configuration, stage, environment, timeout, memoryMb = MEMORY_MB } = props;
    this.log = new LogGroup(this, "Log", { retention: props.logRetention, removalPolicy: RemovalPolicy.DESTROY });
    const role = new Role(this, "Role", { assumedBy: new ServicePrincipal("lambda.amazonaws.com") });
    this.role = role;
    this.log.grantWrite(role);
    this.handler = new Handler(this, "Handler", {
      description,
      code: codeOf(name, configuration),
      handler: "index.handler",
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: memoryMb,
      // `DISABLED` is Lambda's default (`PassThrough`): it passes the trace id on and records nothing.
      tracing: props.tracing ? Tracing.ACTIVE : Tracing.DISABLED,
      environment: { STAGE: stage, ...environment },
      timeout,
      role,
      logGroup: this.log,
      // Lambda drops a call after about 16 rounds otherwise.
      // https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
      recursiveLoop: props.mayLoop === true ? RecursiveLoop.ALLOW : RecursiveLoop.TERMINATE,
      ...(props.reservedConcurrency !== undefined && { reservedConcurrentExecutions: props.reservedConcurrency }),
    });
    Validations.of(role).acknowledge({
      id: "AwsSolutions-IAM5[Resource::*]",
      reason:
        "X-Ray's two write actions, and STS's GetWebIdentityToken, take no resource (Service Authorization Reference)",
    });
  }
}

/** Its hash is that of the built files, so that a function changes only if its own code does. */
function codeOf(name: FunctionName, configuration: unknown): Code {
  const local = {
    // CDK caches bundles by source and by the data in this object, so it has to identify the function.
    name,
    configuration,
    tryBundle(outdir: string): boolean {
      bundle(entryOf(name), outdir, configuration);
      return true;
    },
  };
  return Code.fromAsset(PROJECT_ROOT, {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      local,
      // CDK requires an image as a fallback. `tryBundle` always succeeds, so it is never used.
      image: DockerImage.fromRegistry("none"),
    },
  });
}
