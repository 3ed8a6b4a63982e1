import { unrequestableRole } from "./access.ts";
import {
  approvalOfEnd,
  approvalOfName,
  approvalOutlivesRecords,
  emergencyForApprovers,
  messageOfOther,
  noApprover,
  pathsWithoutRuns,
  requesterWithoutToken,
  roleMayNotApprove,
  ruleOfEventOnly,
  ruleWithoutLimit,
  taskRoute,
  unverifiedApproval,
} from "./approvals.ts";
import { branchOfFork } from "./branch-of-fork.ts";
import type { Check } from "./check.ts";
import { unusablePermission } from "./confined-roles.ts";
import { awsOnlyField, literalPath, pathWithoutValue, unknownPath } from "./event-fields.ts";
import { uncancellableRun, unlimitedFlow } from "./flow.ts";
import {
  namePinnedSharedIssuer,
  proofWithoutAddress,
  roleWithoutCondition,
  selfServedClaim,
  sourceSharesJobTokens,
  unnamedPreset,
  unpinnedSharedIssuer,
  unreachableConsole,
} from "./issuers.ts";
import { unfitSecret, unfitTargetSecret, unreadableAuthority, unreadableKeyFile } from "./machine.ts";
import { orderWithoutRoute, unattendedAgent, unknownStarter, unplaceableOrder } from "./orders.ts";
import { uncountedCommits } from "./outdated-pages.ts";
import { unnamedPeople } from "./people.ts";
import {
  nobodyPromotes,
  promoteWithoutEnvironments,
  promotionOfName,
  promotionToSamePlace,
  unpromotableRoute,
} from "./promotions.ts";
import { possibleRouteCycle, routeCycle } from "./route-cycle.ts";
import { commentWithoutPages, unmatchableRoute, unmatchableValue, unusedSource } from "./routes.ts";
import { unreadablePublishedKey, unreadableSecret, weakSecret } from "./secrets.ts";
import { shadowMode } from "./shadow-mode.ts";
import { unshownSummaries } from "./summaries.ts";
import {
  missingSystemToken,
  openForgeApp,
  openListener,
  openNamespaces,
  openProjects,
  openSpaces,
  overwrittenListener,
  unencryptedTarget,
  unprovedOrigin,
  unreportedNamespace,
  unusedTarget,
  wrongRunReporter,
} from "./targets.ts";
import { unfilledVariable } from "./unfilled-variable.ts";
import { unusedIgnore } from "./unused-ignore.ts";
import {
  identityWithoutKey,
  sharedAudience,
  unearnedRole,
  unearnedScope,
  unnoticedRunEnd,
  unreachableRequest,
  upstreamWithoutIssuer,
} from "./upstreams.ts";

/** Every check, in the order in which they run. To add a check, add its object here. */
export const checks: readonly Check[] = [
  unpinnedSharedIssuer,
  namePinnedSharedIssuer,
  selfServedClaim,
  roleWithoutCondition,
  unnamedPreset,
  sourceSharesJobTokens,
  proofWithoutAddress,
  unreachableConsole,
  routeCycle,
  possibleRouteCycle,
  noApprover,
  pathsWithoutRuns,
  requesterWithoutToken,
  roleMayNotApprove,
  ruleOfEventOnly,
  ruleWithoutLimit,
  emergencyForApprovers,
  unrequestableRole,
  unusablePermission,
  approvalOutlivesRecords,
  unnamedPeople,
  upstreamWithoutIssuer,
  identityWithoutKey,
  sharedAudience,
  unearnedRole,
  unearnedScope,
  unreachableRequest,
  unnoticedRunEnd,
  unshownSummaries,
  unplaceableOrder,
  orderWithoutRoute,
  unattendedAgent,
  unknownStarter,
  unpromotableRoute,
  promotionToSamePlace,
  promotionOfName,
  nobodyPromotes,
  promoteWithoutEnvironments,
  uncountedCommits,
  approvalOfName,
  unverifiedApproval,
  approvalOfEnd,
  taskRoute,
  messageOfOther,
  missingSystemToken,
  openForgeApp,
  openNamespaces,
  unprovedOrigin,
  openProjects,
  openSpaces,
  unencryptedTarget,
  wrongRunReporter,
  overwrittenListener,
  openListener,
  unreportedNamespace,
  unusedTarget,
  unlimitedFlow,
  uncancellableRun,
  commentWithoutPages,
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
  weakSecret,
  unreadablePublishedKey,
  // These use the findings of the checks before them.
  unfitSecret,
  unfitTargetSecret,
  unreadableKeyFile,
  unreadableAuthority,
  unusedIgnore,
];
