import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

/** A certificate and its key, invented for one test. */
export interface TestCertificate {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
  readonly der: Uint8Array;
}

interface Authority extends TestCertificate {
  /** A certificate that this authority has signed, good for a server on loopback and for a client. */
  issue(name: string): TestCertificate;
}

/** A certificate that its own key has signed. */
export const selfSigned = (name: string): TestCertificate => {
  const { privateKey, publicKey } = newKey();
  return made({ name, publicKey, isAuthority: false }, { name, privateKey }, privateKey);
};

export function testAuthority(name: string): Authority {
  const { privateKey, publicKey } = newKey();
  const issue = (holder: string): TestCertificate => {
    const keys = newKey();
    return made({ name: holder, publicKey: keys.publicKey, isAuthority: false }, { name, privateKey }, keys.privateKey);
  };
  return { ...made({ name, publicKey, isAuthority: true }, { name, privateKey }, privateKey), issue };
}

const newKey = () => generateKeyPairSync("ec", { namedCurve: "P-256" });

interface Subject {
  readonly name: string;
  readonly publicKey: KeyObject;
  readonly isAuthority: boolean;
}

interface Signer {
  readonly name: string;
  readonly privateKey: KeyObject;
}

function made(subject: Subject, signer: Signer, ownKey: KeyObject): TestCertificate {
  const der = certificateOf(subject, signer);
  const base64 = Buffer.from(der)
    .toString("base64")
    .replace(/.{64}(?!$)/g, "$&\n");
  return {
    der,
    certificate: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    key: String(ownKey.export({ type: "pkcs8", format: "pem" })),
  };
}

/** A certificate in the form of RFC 5280 §4.1, as far as OpenSSL requires it. */
function certificateOf({ name, publicKey, isAuthority }: Subject, signer: Signer): Uint8Array {
  const toBeSigned = sequence(
    der(0xa0, der(0x02, [2])),
    der(0x02, [++serialNumber]),
    ECDSA_WITH_SHA256,
    distinguished(signer.name),
    sequence(der(0x17, Buffer.from("250101000000Z")), der(0x18, Buffer.from("20991231235959Z"))),
    distinguished(name),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(isAuthority ? BASIC_CONSTRAINTS_CA : LOOPBACK_NAMES)),
  );
  const signature = sign("sha256", toBeSigned, signer.privateKey);
  return sequence(toBeSigned, ECDSA_WITH_SHA256, der(0x03, [0], signature));
}

let serialNumber = 0;

type Bytes = Uint8Array | readonly number[];

function der(tag: number, ...parts: readonly Bytes[]): Buffer {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const { length } = content;
  const long = length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...(length < 128 ? [length] : long)]), content]);
}

const sequence = (...parts: readonly Bytes[]): Buffer => der(0x30, ...parts);

/** One relative name: the common name. */
const distinguished = (name: string): Buffer =>
  sequence(der(0x31, sequence(Buffer.from("0603550403", "hex"), der(0x0c, Buffer.from(name)))));

const ECDSA_WITH_SHA256 = sequence(Buffer.from("06082a8648ce3d040302", "hex"));
const BASIC_CONSTRAINTS_CA = sequence(
  Buffer.from("0603551d13", "hex"),
  der(0x01, [255]),
  der(0x04, sequence(der(0x01, [255]))),
);
/** 127.0.0.1 and localhost. */
const LOOPBACK_NAMES = sequence(
  Buffer.from("0603551d11", "hex"),
  der(0x04, sequence(der(0x87, [127, 0, 0, 1]), der(0x82, Buffer.from("localhost")))),
);
