import { X509Certificate } from "node:crypto";
import * as v from "valibot";
import { type CallOut, callOutWith } from "../host/call-out.ts";
import { Fault } from "../host/fault.ts";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { readSmallFile, UnusableFileError } from "../host/small-file.ts";

const origin = v.pipe(
  v.string(),
  v.title("`https://` address without a path"),
  v.check(isOrigin, "an https:// address without a path, and without a slash at its end"),
);

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text && text.startsWith("https://");
}

/** `certificateAuthorities` in `drawbridge.yaml`: who signs the certificates of addresses that no public authority signs. */
export const certificateAuthority = v.pipe(
  v.strictObject({
    origins: v.pipe(
      v.array(origin),
      v.minLength(1),
      v.description("The addresses whose certificates it signs, such as `https://gitlab.example.com:8443`."),
    ),
    file: v.optional(
      v.pipe(nonEmptyText, v.description("Path of its certificate in PEM, or of several. On one machine only.")),
    ),
    inline: v.optional(
      v.pipe(
        v.string(),
        v.check(hasCertificate, "at least one certificate in PEM"),
        v.description("The certificates themselves, in PEM, in place of `file`."),
      ),
    ),
  }),
  v.check(({ file, inline }) => (file === undefined) !== (inline === undefined), "either `file` or `inline`"),
);
export type CertificateAuthority = v.InferOutput<typeof certificateAuthority>;
export type CertificateAuthorities = Readonly<Record<string, CertificateAuthority>>;

/** RFC 7468, section 5. Node leaves out a certificate that cannot be read, and says nothing. */
function hasCertificate(text: string): boolean {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return blocks.length > 0 && blocks.every(isCertificate);
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

/** The origins that two entries have: each has one place to look for its authorities. */
export function repeatedOrigins(authorities: CertificateAuthorities): readonly string[] {
  const all = Object.values(authorities).flatMap((one) => one.origins);
  return [...new Set(all.filter((one, at) => all.indexOf(one) !== at))];
}

/** Sends requests with the certificate authorities of a configuration. */
export const callOutOf = ({
  certificateAuthorities,
}: {
  readonly certificateAuthorities: CertificateAuthorities;
}): CallOut => callOutWith({ authoritiesFor: authoritiesFor(certificateAuthorities) });

/**
 * Returns the authorities for an origin: only certificates that they signed are accepted there, and none of a public one.
 * Undefined if the public ones hold. Throws a retryable `target_unreachable` if the file has no certificate.
 */
function authoritiesFor(
  authorities: CertificateAuthorities,
): ((origin: string) => Promise<string | undefined>) | undefined {
  const all = Object.values(authorities);
  if (all.length === 0) return undefined;
  const byOrigin = new Map(all.flatMap((one) => one.origins.map((of) => [of, one] as const)));
  const read = new Map<CertificateAuthority, Promise<string>>();
  return async (of) => {
    const authority = byOrigin.get(of);
    if (authority === undefined) return undefined;
    const known = read.get(authority);
    if (known !== undefined) return known;
    const reading = certificatesOf(authority);
    read.set(authority, reading);
    // A failure is not kept: the file may be there a moment later. A file that changes makes a new configuration.
    reading.catch(() => read.delete(authority));
    return reading;
  };
}

/** The certificates in PEM. Throws a retryable `target_unreachable` that says why there are none. */
export async function certificatesOf(authority: CertificateAuthority): Promise<string> {
  const { inline, file = "" } = authority;
  if (inline !== undefined) return inline;
  const text = await readSmallFile(file).then(
    (bytes) => Buffer.from(bytes).toString("utf8"),
    (error: unknown) => {
      if (!(error instanceof UnusableFileError)) throw error;
      throw unusable(file, error.message);
    },
  );
  if (!hasCertificate(text)) throw unusable(file, "it has no certificate in PEM");
  return text;
}

const unusable = (file: string, why: string): Fault =>
  new Fault("target_unreachable", `certificate authorities in ${file}: ${why}`, { retryable: true });
