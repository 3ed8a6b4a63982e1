import { createHash } from "node:crypto";

/**
 * A push hook's body of about 3 kB: four commits. Member names are GitLab's, the rest is invented. `after` makes it
 * another push.
 */
export function pushBody({ branch = "main", after = sha(COMMITS) } = {}): Buffer {
  const project = "https://gitlab.example.com/platform/bridge-handbook";
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
      project: {
        id: 2_208,
        name: "bridge-handbook",
        description: "How the bridge is run, watched and mended",
        web_url: project,
        avatar_url: null,
        git_ssh_url: "git@gitlab.example.com:platform/bridge-handbook.git",
        git_http_url: `${project}.git`,
        namespace: "Platform",
        visibility_level: 10,
        path_with_namespace: "platform/bridge-handbook",
        default_branch: "main",
        ci_config_path: "",
      },
      commits: Array.from({ length: COMMITS }, (_, index) => commit(index + 1, project)),
      total_commits_count: COMMITS,
      push_options: {},
      repository: {
        name: "bridge-handbook",
        url: "git@gitlab.example.com:platform/bridge-handbook.git",
        description: "How the bridge is run, watched and mended",
        homepage: project,
        git_http_url: `${project}.git`,
        git_ssh_url: "git@gitlab.example.com:platform/bridge-handbook.git",
        visibility_level: 10,
      },
    }),
  );
}

const COMMITS = 4;

function commit(n: number, project: string) {
  const title = `Say in step ${n} who is called when the page does not load`;
  return {
    id: sha(n),
    message: `${title}\n\nThe old wording sent people to a chat room that is closed.\n`,
    title,
    timestamp: `2026-11-02T09:${String(n % 60).padStart(2, "0")}:00+01:00`,
    url: `${project}/-/commit/${sha(n)}`,
    author: { name: "Noor Verhoeven", email: "[REDACTED]" },
    added: [],
    modified: [`runbooks/step-${n}.md`],
    removed: [],
  };
}

/** Forty hexadecimal digits that look as random as a real commit's, so that they compress no better. */
const sha = (n: number): string => createHash("sha1").update(`commit ${n}`).digest("hex");
