import { createHash } from "node:crypto";

/**
 * A push hook's body of about 3 kB: four commits. Member names are GitLab's, the rest is invented. `after` makes it
 * another push.
 */
export function pushBody({ branch = "main", after = sha(COMMITS) } = {}): Buffer {
  return Buffer.from(
    JSON.stringify({
      object_kind: "push",
      event_name: "push",
      before: sha(0),
      after,
      ref: `refs/heads/${branch}`,
      ref_protected: true,
      checkout_sha: after,
      message: null,
      user_id: 71,
      user_name: "Noor Verhoeven",
      user_username: "nverhoeven",
      user_email: "",
      user_avatar: "https://gitlab.example.com/uploads/-/system/user/avatar/71/avatar.png",
      project_id: 2_208,
      project: PROJECT,
      commits: Array.from({ length: COMMITS }, (_, index) => commit(index + 1)),
      total_commits_count: COMMITS,
      push_options: {},
      repository: REPOSITORY,
    }),
  );
}

const COMMITS = 4;
const PAGE = "https://gitlab.example.com/platform/bridge-handbook";

const PROJECT = {
  id: 2_208,
  name: "bridge-handbook",
  description: "How the bridge is run, watched and mended",
  web_url: PAGE,
  avatar_url: null,
  git_ssh_url: "git@gitlab.example.com:platform/bridge-handbook.git",
  git_http_url: `${PAGE}.git`,
  namespace: "Platform",
  visibility_level: 10,
  path_with_namespace: "platform/bridge-handbook",
  default_branch: "main",
  ci_config_path: "",
};

const REPOSITORY = {
  name: "bridge-handbook",
  url: "git@gitlab.example.com:platform/bridge-handbook.git",
  description: "How the bridge is run, watched and mended",
  homepage: PAGE,
  git_http_url: `${PAGE}.git`,
  git_ssh_url: "git@gitlab.example.com:platform/bridge-handbook.git",
  visibility_level: 10,
};

function commit(n: number) {
  const title = `Say in step ${n} who is called when the page does not load`;
  return {
    id: sha(n),
    message: `${title}\n\nThe old wording sent people to a chat room that is closed.\n`,
    title,
    timestamp: `2026-11-02T09:${String(n % 60).padStart(2, "0")}:00+01:00`,
    url: `${PAGE}/-/commit/${sha(n)}`,
    author: { name: "Noor Verhoeven", email: "[REDACTED]" },
    added: [],
    modified: [`runbooks/step-${n}.md`],
    removed: [],
  };
}

/** Forty hexadecimal digits that look as random as a real commit's, so that they compress no better. */
const sha = (n: number): string => createHash("sha1").update(`commit ${n}`).digest("hex");
