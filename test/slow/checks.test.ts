import { CfnQueue } from "aws-cdk-lib/aws-sqs";
import { describe, expect, it } from "vitest";
import { checkedStack, FORMS } from "../infra/checked-stacks.ts";

describe("CloudFormation's own rules", () => {
  it.each(FORMS)("no rule objects to the stack %s", async (_, context) => {
    await expect(checkedStack(context, { cloudFormation: true })).resolves.toBeDefined();
  });

  it("a stack that breaks a rule is rejected, so the check is active", async () => {
    const change = (stack: ConstructorParameters<typeof CfnQueue>[0]): void => {
      new CfnQueue(stack, "Endless", { visibilityTimeout: 99_999_999, kmsMasterKeyId: "alias/aws/sqs" });
    };
    await expect(checkedStack({}, { cloudFormation: true, change })).rejects.toThrow(/VisibilityTimeout/);
  });
});
