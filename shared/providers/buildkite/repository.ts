/** A git repository. */
export interface Repository {
  /** Its address as reported, without a password, and without a user name other than `git`. */
  readonly address: string;
  /** Equal for all addresses of one repository. Hosts for code do not distinguish upper and lower case in paths. */
  readonly identity: string;
}

const WEB_OR_SSH = /^(?<scheme>[a-z+]+:\/\/)(?:[^/]*@)?(?<host>[\w.-]+)(?<port>:\d+)?\/(?<path>[^\s@?#]+)(?:[?#]|$)/i;
const SCP = /^(?<user>git@)?(?:[^/@]*@)?(?<host>[\w.-]+):(?!\/\/)(?<path>[^\s@?#]+)$/;

/** Parses `https://host/path`, `ssh://git@host:22/path` and `git@host:path`. Undefined for any other form. */
export function repositoryOf(text: string | null | undefined): Repository | undefined {
  const {
    scheme,
    user = "",
    host,
    port = "",
    path,
  } = (WEB_OR_SSH.exec(text ?? "") ?? SCP.exec(text ?? ""))?.groups ?? {};
  if (host === undefined || path === undefined) return undefined;
  const server = host.toLowerCase();
  return {
    address: scheme === undefined ? `${user}${server}:${path}` : `${scheme}${server}${port}/${path}`,
    identity: `${server}/${path.replace(/^\/+|\/+$/g, "").replace(/\.git$/i, "")}`.toLowerCase(),
  };
}
