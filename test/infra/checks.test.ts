import { Validations } from "aws-cdk-lib";
import { Queue } from "aws-cdk-lib/aws-sqs";
import { describe, expect, it } from "vitest";
import { checkedStack, FORMS } from "./checked-stacks.ts";
import { EVERYTHING } from "./synthesised.ts";

const NAG = { cloudFormation: false };

/** `test/slow/checks.test.ts` checks CloudFormation's own rules on the same stacks. */
describe("cdk-nag (AwsSolutions)", () => {
  it.each(FORMS)("no rule objects to the stack %s", async (_, context) => {
    await expect(checkedStack(context, NAG)).resolves.toBeDefined();
  });

  it("every suppressed rule has a written reason", async () => {
    const stack = await checkedStack({ config: EVERYTHING }, NAG);
    const reasons = stack.node
      .findAll()
      .flatMap(({ node }) => node.metadata)
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .map(({ data }) => JSON.stringify(data));
    expect(reasons.length).toBeGreaterThan(0);
    for (const one of reasons) expect(one).toMatch(/.{40}/);
    expect(new Set(reasons.map((one) => /AwsSolutions-\w+/.exec(one)?.[0]))).toEqual(
      new Set(["AwsSolutions-IAM5", "AwsSolutions-SQS3", "AwsSolutions-APIG4"]),
    );
  });

  it("a stack that breaks a rule is rejected, so the check is active", async () => {
    const unguarded = checkedStack({}, { ...NAG, change: (stack) => new Queue(stack, "Unguarded") });
    await expect(unguarded).rejects.toThrow("AwsSolutions-SQS3");
  });
});
