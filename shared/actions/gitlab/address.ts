/**
 * Whether an address that GitLab sent is of this project at the instance with the base address `site`. Without a project:
 * of the instance. Compared as parsed, so case and a default port make no difference; the path of a project is compared
 * without case, as GitLab does.
 */
export function isAt(address: string, site: string, project?: string): boolean {
  if (!URL.canParse(address)) return false;
  const [found, base] = [new URL(address), new URL(site)];
  const path = `${base.pathname.replace(/\/$/, "")}/${project === undefined ? "" : `${project}/`}`;
  return found.origin === base.origin && `${found.pathname}/`.toLowerCase().startsWith(path.toLowerCase());
}
