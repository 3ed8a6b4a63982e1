/** What the host tells of the connection that a request came over; nothing in it is read from the request. */
export interface Connection {
  /** DER. The caller has proved in the handshake that it holds the key of it. */
  readonly clientCertificate?: Uint8Array;
}

/** An app as a host serves it. */
export interface ServedApp {
  fetch(request: Request, connection: Connection): Response | Promise<Response>;
}
