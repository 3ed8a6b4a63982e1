import { BlockList, isIP } from "node:net";
import { isSecureUrl } from "./secure-url.ts";

/** An address that a remote document named and that the bridge may call. */
export interface RemoteAddress {
  readonly url: URL;
  /** Whether its name must not resolve to an internal address; see `publicLookup`. */
  readonly onlyPublic: boolean;
}

/**
 * The rule for every address that a document of another system names, such as the endpoints of a discovery document.
 * On an origin of the configuration it is as trusted as the configuration. On any other origin it must be `https` and
 * outside private networks, so that no document directs the bridge, its credentials or a browser to an internal service.
 * Returns undefined for an address that the rule forbids.
 */
export function remoteAddress(text: string, configuredOrigins: readonly string[]): RemoteAddress | undefined {
  if (!isSecureUrl(text)) return undefined;
  const url = new URL(text);
  if (configuredOrigins.includes(url.origin)) return { url, onlyPublic: false };
  return url.protocol === "https:" && !isInternalHost(url.hostname) ? { url, onlyPublic: true } : undefined;
}

/** `hostname` comes from a URL, which has written every form of an IPv4 address in the same way. */
function isInternalHost(hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, "");
  if (isIP(address) !== 0) return isInternalAddress(address);
  // RFC 6761 §6.3. Other names are resolved, and checked by `publicLookup`.
  return /^(.*\.)?localhost\.*$/.test(hostname);
}

/** Whether an IP address is outside the public Internet: loopback, private, link-local (metadata), multicast, reserved. */
export function isInternalAddress(address: string): boolean {
  const [bare = ""] = address.split("%");
  const family = isIP(bare);
  return family === 0 || internalNetworks().check(bare, family === 4 ? "ipv4" : "ipv6");
}

/**
 * https://www.iana.org/assignments/iana-ipv4-special-registry, and the public address at which Azure serves its virtual
 * machines (https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16).
 */
const INTERNAL_IPV4 = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["168.63.129.16", 32],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const;

/**
 * https://www.iana.org/assignments/iana-ipv6-special-registry. The tunnels 6to4 and Teredo are among them, because they
 * carry an IPv4 address that is not checked.
 */
const INTERNAL_IPV6 = [
  ["::", 96],
  ["::ffff:0:0:0", 96],
  ["64:ff9b:1::", 48],
  ["100::", 64],
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
  ["4000::", 2],
  ["8000::", 1],
] as const;

/** Prefixes of IPv6 addresses whose last 32 bits are an IPv4 address: mapped (RFC 4291 §2.5.5.2) and NAT64 (RFC 6052). */
const CARRIES_IPV4 = ["::ffff:", "64:ff9b::"] as const;

let networks: BlockList | undefined;

/** Built for the first address that is checked. */
function internalNetworks(): BlockList {
  networks ??= listOfNetworks();
  return networks;
}

function listOfNetworks(): BlockList {
  const list = new BlockList();
  for (const [network, bits] of INTERNAL_IPV4) {
    list.addSubnet(network, bits, "ipv4");
    for (const prefix of CARRIES_IPV4) list.addSubnet(`${prefix}${network}`, 96 + bits, "ipv6");
  }
  for (const [network, bits] of INTERNAL_IPV6) list.addSubnet(network, bits, "ipv6");
  return list;
}
