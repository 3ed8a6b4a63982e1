import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { createSecureContext, TLSSocket, type TlsOptions } from "node:tls";
import { Fault } from "../host/fault.ts";
import type { Secret, Secrets } from "../host/secrets.ts";
import type { Connection } from "./connection.ts";

/** What the bridge shows and asks for where TLS ends at it. All in PEM. */
export interface TlsSettings {
  /** With the certificates up to the authority, the server's own first. */
  readonly certificate: string;
  readonly key: Secret;
  /** Absent: a client need not have a certificate, and may have one of its own making. */
  readonly clientCa?: string;
}

/** Paths of files. */
interface TlsFiles {
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  readonly clientCa?: string | undefined;
}

/** Nothing where no file is named. Throws `configuration_invalid` or `secret_unavailable` on files that will not do. */
export async function readTlsSettings(files: TlsFiles, secrets: Secrets): Promise<TlsSettings | undefined> {
  const { certificate, key, clientCa } = files;
  if (certificate === undefined && key === undefined && clientCa === undefined) return undefined;
  if (certificate === undefined || key === undefined) throw invalid("TLS needs both a certificate and its key");
  const settings = {
    certificate: await readPem(certificate),
    key: await secrets.read(`file:${key}`),
    ...(clientCa !== undefined && { clientCa: await readPem(clientCa) }),
  };
  if (!isUsable(settings))
    throw invalid("the TLS certificate, its key and the client CA are no PEM that fits together");
  return settings;
}

/** Node takes a text that is no CA for an empty list, and a key of another type than the certificate's beside it. */
function isUsable(settings: TlsSettings): boolean {
  const { certificate, key, clientCa = certificate } = settings;
  try {
    createSecureContext(tlsOptions(settings));
    const authority = new X509Certificate(clientCa);
    return authority.raw.length > 0 && new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key.reveal()));
  } catch {
    // Its message is about the key.
    return false;
  }
}

/**
 * A certificate is always asked for. That its holder has the key is proved by the handshake itself (RFC 8446 §4.4.3), which
 * is all that a token bound to it needs (RFC 8705 §2.2); with an authority given, no connection is taken without one of its.
 */
export const tlsOptions = ({ certificate, key, clientCa }: TlsSettings): TlsOptions => ({
  cert: certificate,
  key: key.reveal(),
  requestCert: true,
  rejectUnauthorized: clientCa !== undefined,
  ...(clientCa !== undefined && { ca: clientCa }),
});

export function connectionOf(socket: Socket): Connection {
  const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
  return certificate ? { clientCertificate: certificate.raw } : {};
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch {
    throw invalid(`${path} cannot be read`);
  }
}

const invalid = (message: string): Fault => new Fault("configuration_invalid", message, { retryable: false });
