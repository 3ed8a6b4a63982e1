import { ok, type Result, reject } from "../model/result.ts";

/**
 * Reads a body's bytes, up to a limit. An announced length is what the server then lets through (RFC 9112 section 6.3),
 * so such a body is taken whole, which spares the cost of a web stream; any other is counted as it comes.
 */
export async function readBody(request: Request, limitBytes: number): Promise<Result<Uint8Array>> {
  const tooLarge = reject({ reason: "body_too_large", limitBytes });
  const announced = request.headers.get("content-length");
  if (announced === null) return readStream(request, limitBytes, tooLarge);
  if (!(Number(announced) <= limitBytes)) return tooLarge;
  const body = new Uint8Array(await request.arrayBuffer());
  return body.length <= limitBytes ? ok(body) : tooLarge;
}

async function readStream({ body }: Request, limitBytes: number, tooLarge: Result<never>): Promise<Result<Uint8Array>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > limitBytes) return tooLarge;
    chunks.push(chunk);
  }
  return ok(Buffer.concat(chunks));
}

/** Refuses a body that is not uncompressed JSON in UTF-8 by its own account (RFC 9110 sections 8.3 and 8.4). */
export function checkContentType(headers: Headers, accepted: readonly string[]): Result<undefined> {
  if ((headers.get("content-encoding") ?? "identity").toLowerCase() !== "identity") {
    return reject({ reason: "content_encoding_unsupported" });
  }
  const [type = "", ...parameters] = (headers.get("content-type") ?? "")
    .split(";")
    .map((part) => part.trim().toLowerCase());
  if (!accepted.includes(type)) {
    return reject({ reason: "content_type_unsupported", expected: accepted.join(" or ") });
  }
  const charset = parameters.find((parameter) => parameter.startsWith("charset="));
  if (charset !== undefined && !/^charset="?utf-8"?$/.test(charset)) return reject({ reason: "charset_unsupported" });
  return ok(undefined);
}
