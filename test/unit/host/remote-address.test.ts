import type { LookupAddress } from "node:dns";
import { describe, expect, it } from "vitest";
import { isInternalAddress, remoteAddress } from "../../../shared/host/remote-address.ts";
import { publicLookup } from "../../../shared/host/send-with-node.ts";

const CONFIGURED = ["https://sso.corp.example", "http://127.0.0.1:4001"];

describe("an address that a remote document names", () => {
  it.each([
    ["plain HTTP", "http://keys.example.test/jwks"],
    ["plain HTTP on this machine", "http://127.0.0.1:4002/jwks"],
    ["another port of this machine", "https://127.0.0.1:4001/jwks"],
    ["a file", "file:///etc/passwd"],
    ["user info", "https://user:password@keys.example.test/jwks"],
    ["no URL", "keys"],
    ["an empty text", ""],
    ["loopback", "https://127.8.8.8/"],
    ["loopback, as one number", "https://2130706433/"],
    ["loopback, in octal", "https://0177.0.0.1/"],
    ["loopback, in hexadecimal", "https://0x7f.1/"],
    ["loopback, in short", "https://127.1/"],
    ["loopback, in wide digits", "https://\uff11\uff12\uff17.0.0.1/"],
    ["loopback, with a dot at its end", "https://127.0.0.1./"],
    ["this machine", "https://0/"],
    ["localhost", "https://localhost/"],
    ["localhost, with a dot at its end", "https://LOCALHOST./"],
    ["localhost, with two dots at its end", "https://localhost../"],
    ["a name below localhost", "https://keys.localhost/"],
    ["a private network", "https://10.1.2.3/"],
    ["a private network of 12 bits", "https://172.31.255.255/"],
    ["a private network of 16 bits", "https://192.168.0.1/"],
    ["the addresses of a provider's own network", "https://100.100.100.200/"],
    ["a machine's metadata", "https://169.254.169.254/latest/api/token"],
    ["a machine's public address of Azure", "https://168.63.129.16/metadata"],
    ["a machine's metadata, in IPv6", "https://[fd00:ec2::254]/"],
    ["loopback in IPv6", "https://[::1]/"],
    ["link-local in IPv6", "https://[fe80::1]/"],
    ["loopback, mapped into IPv6", "https://[::ffff:127.0.0.1]/"],
    ["metadata, mapped into IPv6", "https://[0:0:0:0:0:ffff:a9fe:a9fe]/"],
    ["a private network behind NAT64", "https://[64:ff9b::10.0.0.1]/"],
    ["a local NAT64", "https://[64:ff9b:1::808:808]/"],
    ["6to4", "https://[2002:7f00:1::]/"],
  ])("is forbidden with %s", (_, address) => {
    expect(remoteAddress(address, CONFIGURED)).toBeUndefined();
  });

  it.each([
    ["a public name", "https://keys.example.test/jwks"],
    ["a public address", "https://8.8.8.8/jwks"],
    ["a public address in IPv6", "https://[2606:4700::1111]/"],
    ["a public address behind NAT64", "https://[64:ff9b::8.8.8.8]/"],
    ["a name that only begins like localhost", "https://localhost.example.test/"],
  ])("is allowed with %s, if the name resolves to public addresses", (_, address) => {
    expect(remoteAddress(address, CONFIGURED)).toEqual({ url: new URL(address), onlyPublic: true });
  });

  it.each(["https://sso.corp.example/token", "http://127.0.0.1:4001/jwks", "https://SSO.corp.example:443/token"])(
    "is as trusted as the configuration on a configured origin: %s",
    (address) => {
      expect(remoteAddress(address, CONFIGURED)).toEqual({ url: new URL(address), onlyPublic: false });
    },
  );
});

/** The result of looking `name` up for a connection to `host`, if the system resolves every name to `addresses`. */
function lookedUp(name: string, host: string, addresses: readonly LookupAddress[], all: boolean): Promise<unknown> {
  // `as`: of the overloads of the system's lookup, only the one with all addresses is called.
  const system = ((_: string, __: object, answer: (error: null, found: readonly LookupAddress[]) => void) =>
    answer(null, addresses)) as unknown as Parameters<typeof publicLookup>[1];
  return new Promise((resolve, reject) => {
    publicLookup(host, system)(name, { all }, (error, found, family) =>
      error ? reject(error) : resolve([found, family]),
    );
  });
}

describe("the lookup for a public address", () => {
  const open = { address: "93.184.215.14", family: 4 };
  const internal = { address: "::ffff:169.254.169.254", family: 6 };

  it("returns what the system returns, in both forms that connections ask for", async () => {
    await expect(lookedUp("keys.example", "keys.example", [open], true)).resolves.toEqual([[open], undefined]);
    await expect(lookedUp("keys.example", "keys.example", [open], false)).resolves.toEqual([open.address, 4]);
  });

  it("fails if one of several addresses is internal", async () => {
    const found = lookedUp("keys.example", "keys.example", [open, internal], true);
    await expect(found).rejects.toMatchObject({ code: "target_unreachable", retryable: true });
    await expect(found).rejects.not.toThrow("169.254");
  });

  it("does not check the name of a proxy", async () => {
    await expect(lookedUp("proxy.corp", "keys.example", [internal], true)).resolves.toEqual([[internal], undefined]);
  });

  it.each(["", "keys.example", "1.2.3"])("takes %j, which is no IP address, for an internal one", (text) => {
    expect(isInternalAddress(text)).toBe(true);
  });
});
