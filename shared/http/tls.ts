import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { createSecureContext, TLSSocket, type TlsOptions } from "node:tls";
import { Fault } from "../host/fault.ts";
import type { Secret, Secrets } from "../host/secrets.ts";
import { readSmallFile, UnusableFileError } from "../host/small-file.ts";
import type { Connection } from "./connection.ts";

/** TLS settings of a bridge that terminates TLS itself. All values are PEM. */
export interface TlsSettings {
  /** The server's certificate, then the chain up to the authority. */
  readonly certificate: string;
  readonly key: Secret;
  /** Authority that must have issued every client's certificate. Undefined: a client may send none, or a self-signed one. */
  readonly clientCa?: string;
}

/** Paths. */
export interface TlsFiles {
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  readonly clientCa?: string | undefined;
}

/** Undefined if no file is named. Throws `configuration_invalid` or `secret_unavailable` if a file cannot be used. */
export async function readTlsSettings(files: TlsFiles, secrets: Secrets): Promise<TlsSettings | undefined> {
  const { certificate, key, clientCa } = files;
  if (certificate === undefined && key === undefined && clientCa === undefined) return undefined;
  if (certificate === undefined || key === undefined) throw invalid("TLS needs both a certificate and its key");
  const settings = {
    certificate: await readPem(certificate),
    key: await secrets.read(`file:${key}`),
    ...(clientCa !== undefined && { clientCa: await readPem(clientCa) }),
  };
  if (!isUsable(settings)) {
    const paths = [certificate, key, clientCa].filter((path) => path !== undefined);
    throw invalid(`the TLS certificate, its key and the client CA are not matching PEM files: ${paths.join(", ")}`);
  }
  return settings;
}

/** Checks what Node does not: that the CA text contains a certificate, and that the key belongs to the certificate. */
function isUsable(settings: TlsSettings): boolean {
  const { certificate, key, clientCa = certificate } = settings;
  try {
    createSecureContext(tlsOptions(settings));
    const authority = new X509Certificate(clientCa);
    return authority.raw.length > 0 && new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key.reveal()));
  } catch {
    // The error's message may contain the key, so it is dropped.
    return false;
  }
}

/**
 * A client certificate is always requested. The handshake proves that the client has its key (RFC 8446 §4.4.3), which is
 * enough for a token that is bound to it (RFC 8705 §2.2). With `clientCa`, a connection without a certificate of that
 * authority is rejected.
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
    return Buffer.from(await readSmallFile(path)).toString("utf8");
  } catch (error) {
    if (!(error instanceof UnusableFileError)) throw error;
    throw invalid(`${path}: ${error.message}`);
  }
}

const invalid = (message: string): Fault => new Fault("configuration_invalid", message, { retryable: false });
