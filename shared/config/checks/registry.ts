import { approvalOutlivesRecords, noApprover } from "./approvals.ts";
import { branchOfFork } from "./branch-of-fork.ts";
import type { Check } from "./check.ts";
import { awsOnlyField, literalPath, pathWithoutValue, unknownPath } from "./event-fields.ts";
import {
  namePinnedSharedIssuer,
  proofWithoutAddress,
  selfServedClaim,
  sourceSharesJobTokens,
  unnamedPreset,
  unpinnedSharedIssuer,
  unreachableConsole,
} from "./issuers.ts";
import { unfitSecret, unreadableKeyFile } from "./machine.ts";
import { possibleRouteCycle, routeCycle } from "./route-cycle.ts";
import { unmatchableRoute, unmatchableValue, unusedSource } from "./routes.ts";
import { unreadablePublishedKey, unreadableSecret } from "./secrets.ts";
import { shadowMode } from "./shadow-mode.ts";
import {
  missingSystemToken,
  openForgeApp,
  openNamespaces,
  openSpaces,
  unencryptedTarget,
  unusedTarget,
  wrongRunReporter,
} from "./targets.ts";
import { unfilledVariable } from "./unfilled-variable.ts";
import { unusedIgnore } from "./unused-ignore.ts";

/** Every check, in the order in which they run. To add a check, add its object here. */
export const checks: readonly Check[] = [
  unpinnedSharedIssuer,
  namePinnedSharedIssuer,
  selfServedClaim,
  unnamedPreset,
  sourceSharesJobTokens,
  proofWithoutAddress,
  unreachableConsole,
  routeCycle,
  possibleRouteCycle,
  noApprover,
  approvalOutlivesRecords,
  missingSystemToken,
  openForgeApp,
  openNamespaces,
  openSpaces,
  unencryptedTarget,
  wrongRunReporter,
  unusedTarget,
  unmatchableRoute,
  unmatchableValue,
  unknownPath,
  pathWithoutValue,
  awsOnlyField,
  literalPath,
  branchOfFork,
  unusedSource,
  shadowMode,
  unfilledVariable,
  unreadableSecret,
  unreadablePublishedKey,
  // These use the findings of the checks before them.
  unfitSecret,
  unreadableKeyFile,
  unusedIgnore,
];
