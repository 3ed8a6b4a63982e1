import { ok, type Result, reject } from "../model/result.ts";

/**
 * Reads the bytes of a body, up to a limit. The server delivers no more than the `Content-Length` (RFC 9112 section 6.3),
 * so such a body is read at once, which avoids the cost of a web stream. Any other body is counted while it is read.
 */
export async function readBody(request: Request, limitBytes: number): Promise<Result<Uint8Array>> {
  const tooLarge = reject({ reason: "body_too_large", limitBytes });
  const announced = request.headers.get("content-length");
  if (announced !== null && !(Number(announced) <= limitBytes)) return tooLarge;
  try {
    if (announced === null) return await readStream(request, limitBytes, tooLarge);
    const body = new Uint8Array(await request.arrayBuffer());
    return body.length <= limitBytes ? ok(body) : tooLarge;
  } catch {
    // Reading fails only if the connection ended before the body did.
    return reject({ reason: "body_incomplete" });
  }
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

/** Rejects a body that its headers do not declare as an accepted type, uncompressed, in UTF-8 (RFC 9110 §8.3 and §8.4). */
export function checkContentType(headers: Headers, accepted: readonly string[]): Result<undefined> {
  if ((headers.get("content-encoding") ?? "identity").toLowerCase() !== "identity") {
    return reject({ reason: "content_encoding_unsupported" });
  }
  const declared = headers.get("content-type") ?? "";
  // Most senders write exactly an accepted type.
  if (accepted.includes(declared)) return ok(undefined);
  const [type = "", ...parameters] = declared.split(";").map((part) => part.trim().toLowerCase());
  if (!accepted.includes(type)) {
    return reject({ reason: "content_type_unsupported", expected: accepted.join(" or ") });
  }
  const charset = parameters.find((parameter) => parameter.startsWith("charset="));
  if (charset !== undefined && !/^charset="?utf-8"?$/.test(charset)) return reject({ reason: "charset_unsupported" });
  return ok(undefined);
}
