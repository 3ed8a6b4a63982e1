import { ok, type Result, refuse } from "../delivery/result.ts";

/**
 * Reads a body's bytes as they come, up to a limit. The announced length is only a reason to stop early; what counts is
 * what arrives.
 */
export async function readBody(request: Request, limitBytes: number): Promise<Result<Uint8Array>> {
  const tooLarge = refuse({ reason: "body_too_large", limitBytes });
  if (Number(request.headers.get("content-length") ?? 0) > limitBytes) return tooLarge;
  if (request.body === null) return ok(new Uint8Array());
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body) {
    length += chunk.length;
    if (length > limitBytes) return tooLarge;
    chunks.push(chunk);
  }
  return ok(Buffer.concat(chunks));
}

/** Refuses a body that is not uncompressed JSON in UTF-8 by its own account (RFC 9110 sections 8.3 and 8.4). */
export function checkContentType(headers: Headers, accepted: readonly string[]): Result<undefined> {
  if ((headers.get("content-encoding") ?? "identity").toLowerCase() !== "identity") {
    return refuse({ reason: "content_encoding_unsupported" });
  }
  const [type = "", ...parameters] = (headers.get("content-type") ?? "")
    .split(";")
    .map((part) => part.trim().toLowerCase());
  if (!accepted.includes(type)) {
    return refuse({ reason: "content_type_unsupported", expected: accepted.join(" or ") });
  }
  const charset = parameters.find((parameter) => parameter.startsWith("charset="));
  if (charset !== undefined && !/^charset="?utf-8"?$/.test(charset)) return refuse({ reason: "charset_unsupported" });
  return ok(undefined);
}
