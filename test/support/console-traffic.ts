import { PAGE } from "./standalone-bridge.ts";

/** A push to `branch`, in the form of GitLab's hook. */
export const push = (branch = "main", changes: object = {}) => ({
  object_kind: "push",
  ref: `refs/heads/${branch}`,
  before: "a".repeat(40),
  after: "b".repeat(40),
  checkout_sha: "b".repeat(40),
  user_username: "nina",
  project_id: 7,
  project: { id: 7, path_with_namespace: "platform/docs", web_url: "https://gitlab.example.test/platform/docs" },
  commits: [],
  total_commits_count: 0,
  ...changes,
});

/** An edit of the page, in the form of Confluence's webhook. */
export const edit = (version: number, by: string, timestamp: number) => ({
  event: "page_updated",
  timestamp,
  userKey: by,
  page: { id: Number(PAGE), version, title: "Deploying the docs", spaceKey: "ENG" },
});
