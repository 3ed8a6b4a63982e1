/** Facts about the connection of a request, set by the host. None of them is read from the request. */
export interface Connection {
  /** DER. The caller proved possession of its key in the TLS handshake. Undefined if the caller showed none. */
  readonly clientCertificate?: Uint8Array;
  /** The connection was made to the port for metrics, which only programs of this machine can reach. */
  readonly isMetricsPort?: true;
}

/** The part of an app that a host calls. */
export interface ServedApp {
  fetch(request: Request, connection: Connection): Response | Promise<Response>;
}
