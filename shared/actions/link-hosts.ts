import * as v from "valibot";
import { parseWebUrl } from "../host/url-credentials.ts";

const hostName = v.pipe(
  v.string(),
  v.regex(/^(?:[a-z\d_-]+\.)*[a-z\d_-]+$|^\[[\da-f:.]+\]$/, "a host name in lower case, without a port"),
);

/** The member `linkHosts` of a target. `where`: what the target writes. */
export const linkHostsOf = (where: string) =>
  v.optional(
    v.pipe(
      v.array(hostName),
      v.description(
        `Names of the hosts to which ${where} may link, for example \`ci.example.com\`. A link to another host is shown as text, without its address. Without it, links to all hosts are shown; an empty list allows none.`,
      ),
    ),
  );

/** Undefined: all hosts. */
export type LinkHosts = readonly string[] | undefined;

/** The URL for a link, as the URL parser writes it; undefined if it has a credential, or leads to another host. */
export function linkTo(text: string | undefined, hosts: LinkHosts): string | undefined {
  const parsed = parseWebUrl(text ?? "");
  if (!parsed.ok || !(hosts?.includes(parsed.url.hostname) ?? true)) return undefined;
  return parsed.url.href;
}
