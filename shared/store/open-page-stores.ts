import type { ApprovalMessageStore } from "./approval-messages.ts";
import { BoardStore, type BoardStoreOptions } from "./boards.ts";
import { ChangeCommentStore } from "./change-comments.ts";
import { ChangeLinkStore } from "./change-links.ts";
import { CommentReplyStore } from "./comment-replies.ts";
import type { CommitStatusStore } from "./commit-statuses.ts";
import type { Table } from "./table.ts";

/** The stores that only actions use. A function that runs none starts without their code. */
export interface PageStores {
  readonly boards: BoardStore;
  readonly changeLinks: ChangeLinkStore;
  readonly changeComments: ChangeCommentStore;
  readonly commentReplies: CommentReplyStore;
  /** It is loaded when it is needed, as the next one. */
  readonly commitStatuses: () => Promise<CommitStatusStore>;
  /** It is loaded when it is needed: few routes send messages. */
  readonly approvalMessages: () => Promise<ApprovalMessageStore>;
}

/** Opens the stores of what pages and merge requests show, over the table of the other stores. */
export function openPageStores(table: Table, options: BoardStoreOptions): PageStores {
  return {
    boards: new BoardStore(table, options),
    changeLinks: new ChangeLinkStore(table, options),
    changeComments: new ChangeCommentStore(table, options),
    commentReplies: new CommentReplyStore(table, options),
    commitStatuses: async () => {
      const { CommitStatusStore } = await import("./commit-statuses.ts");
      return new CommitStatusStore(table, options);
    },
    approvalMessages: async () => {
      const { ApprovalMessageStore } = await import("./approval-messages.ts");
      return new ApprovalMessageStore(table, options);
    },
  };
}
