/**
 * The first line of the comment that the bridge writes to a change request. A report of such a comment is ignored: each
 * update would raise the next event. Whoever writes this line hides only the own comment.
 */
export const OWN_COMMENT = "<!-- drawbridge:comment -->";
