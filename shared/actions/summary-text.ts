import { isIPv6 } from "node:net";
import { withoutHidden } from "../host/hidden-characters.ts";
import { secretIn } from "../host/secret-in-text.ts";
import { linkTo } from "./link-hosts.ts";

/** Longest text of a summary, in bytes of UTF-8. */
const MAX_SUMMARY_BYTES = 4_096;

/**
 * Why a text that a machine wrote must not reach a page; undefined if it may. The problem never contains a value of the
 * text. `hosts`: the hosts to which the page may link. Every other address is refused, since it may be an internal one.
 */
export function problemInSummary(text: string, hosts: readonly string[]): string | undefined {
  if (Buffer.byteLength(text) > MAX_SUMMARY_BYTES) return `at most ${MAX_SUMMARY_BYTES} bytes`;
  if (INVISIBLE.test(text) || withoutHidden(text) !== text) return "no control characters and no invisible characters";
  return problemInWords(text, hosts) ?? problemInWords(text.normalize("NFKC"), hosts);
}

/** Readers take a wide letter or a small one for the letter itself, so a text is read as both. */
function problemInWords(text: string, hosts: readonly string[]): string | undefined {
  const secret = secretIn(text);
  if (secret !== undefined) return `no credential, and it has ${secret}`;
  if ((text.match(URLS) ?? []).some((url) => linkTo(url, hosts) === undefined)) return OTHER_HOST;
  const rest = text.replace(URLS, " ");
  if (SCHEMES.test(rest)) return "no address with another scheme than http or https";
  if (MAIL.test(rest)) return "no e-mail address";
  if (IP.test(rest) || (rest.match(SHORT_IPV6) ?? []).some(isShortIpv6)) return "no IP address";
  return (rest.match(HOSTS) ?? []).every((host) => hosts.includes(host.toLowerCase())) ? undefined : OTHER_HOST;
}

const OTHER_HOST = 'no address of a host that is not in the "linkHosts" of the target';

/** The http and https addresses in a text, each without the punctuation behind it. */
export const URLS = /https?:[\\/]*[^\s<>"'`|]*[^\s<>"'`|.,;:!?)\]}*]/gi;

// With the hidden characters: they hide text from readers, or show it in another order.
const INVISIBLE = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;
const SCHEMES = /[a-z][a-z\d+.-]*:[\\/]{2}|(?:^|\s)[\\/]{2}\w|\b(?:mailto|javascript|data|file|tel):\S/i;
const MAIL = /[^\s@]@[\w-]+\.\w/;
const IP = /\b\d{1,3}(?:\.\d{1,3}){3}\b|\[[\da-f:.]*::?[\da-f:.]*\]|(?:\b[\da-f]{1,4}:){4,}[\da-f]{0,4}|\blocalhost\b/i;
/** `fe80::1`. A name of a program without a digit, such as `abc::def`, is none. */
const SHORT_IPV6 = /(?<![\w:])[\da-f:]*::[\da-f:]*(?![\w:])/gi;
const isShortIpv6 = (text: string): boolean => /\d/.test(text) && isIPv6(text.replace(/(?<!:):$/, ""));
/** Names that end as those of hosts do. A file name such as `deploy.sh` has the form of a host name too, and is none. */
const HOSTS =
  /\bwww\.[a-z\d.-]*[a-z\d]|\b(?:[a-z\d_-]+\.)+(?:com|net|org|edu|gov|io|dev|app|cloud|info|biz|eu|de|at|ch|fr|nl|uk|ca|au|jp|cn|br|internal|intranet|local|localdomain|lan|corp|home|private|svc|test|example)\b/gi;
