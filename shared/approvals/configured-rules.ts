/** Names of the days, Sunday first, as `Date.getUTCDay` counts. */
export const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

/** A time of the week in which a run may fire, on the clocks of a time zone. */
export interface WeeklyWindow {
  readonly days: readonly (typeof DAYS)[number][];
  /** `HH:MM`, inclusive. */
  readonly from: string;
  /** `HH:MM`, exclusive, later than `from`; `24:00` is the end of the day. */
  readonly to: string;
  /** A name of the IANA database, such as `Europe/Berlin`. */
  readonly zone: string;
}

/** People who are enough to grant a run. */
interface Quorum {
  /** Distinct people; at least one for each of `fromRoles`. */
  readonly approvers: number;
  /** One of these people each has to hold one of these roles. */
  readonly fromRoles: readonly string[];
}

/** Who has to approve the runs of a route. */
export interface ApprovalRules {
  /** Each of these is enough. At least one. */
  readonly quorums: readonly Quorum[];
  /** Whether a grant needs a reason. A denial never does. */
  readonly reason: "required" | "optional";
  /** When runs may fire; always if there are none. */
  readonly windows: readonly WeeklyWindow[];
  /** Outside the windows: `wait`: a grant counts, and the run waits for the next window. `refuse`: a grant is refused. */
  readonly outsideWindows: "wait" | "refuse";
  /** Roles whose holders may grant a run in an emergency: alone, and outside the windows. Nobody may if there are none. */
  readonly emergency: readonly string[];
  /** Whether each of these people has to be allowed to edit the page that the run is about. */
  readonly canEdit?: "page" | undefined;
  /** Rules that grant runs in place of people. Whether one holds is not known here. */
  readonly grantedBy: readonly {
    readonly id: string;
    readonly mode?: string | undefined;
    readonly when?: Readonly<Record<string, unknown>> | undefined;
  }[];
}

/** The `approval` of a configured route, as far as it says who approves its runs, and when. */
export interface ConfiguredApproval extends Omit<ApprovalRules, "quorums"> {
  readonly approvers: number;
  readonly fromRoles: readonly string[];
  /** Lists of roles in place of the two: each list is enough. */
  readonly of?: readonly (readonly string[])[] | undefined;
}

/** The rules of all routes that need an approval, by the name of the route. */
export type RulesOf = ReadonlyMap<string, ApprovalRules>;

/** Reads the rules from the `approval` of a configured route. */
export const rulesIn = (
  approval: {
    readonly [K in keyof ConfiguredApproval]?: ConfiguredApproval[K] | undefined;
  },
): ApprovalRules => {
  const { approvers = 1, fromRoles = [], reason = "optional", emergency = [], grantedBy = [] } = approval;
  const { windows = [], outsideWindows = "wait" } = approval;
  const one = { approvers: Math.max(approvers, fromRoles.length), fromRoles };
  const quorums = approval.of?.map((roles) => ({ approvers: roles.length, fromRoles: roles })) ?? [one];
  const { canEdit } = approval;
  return { quorums, reason, windows, outsideWindows, emergency, canEdit, grantedBy };
};

/** The rules of a route. A route that the configuration no longer has never fires, so that the default is enough. */
export const rulesOf = (route: string, rules: RulesOf): ApprovalRules => rules.get(route) ?? rulesIn({});
