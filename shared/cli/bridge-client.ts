import * as v from "valibot";
import { Fault, type FaultCode } from "../host/fault.ts";
import { EXIT, exitCodeOfStatus } from "./exit-codes.ts";
import type { Session } from "./session.ts";

/** Of an answer, what is read of it. */
type Reads<T> = v.GenericSchema<unknown, T>;

interface Order {
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Reads from the bridge. Throws `target_unreachable` if none answers or it cannot answer now, `not_allowed`, and else
 * `bridge_refused`.
 */
export const get = <T>(session: Session, path: string, reads: Reads<T>): Promise<T> => ask(session, path, reads, {});

/** Has the bridge do something. Throws as {@link get} does. */
export const post = <T>(session: Session, path: string, reads: Reads<T>, { body, headers }: Order): Promise<T> =>
  ask(session, path, reads, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify(body),
  });

async function ask<T>(session: Session, path: string, reads: Reads<T>, request: RequestInit): Promise<T> {
  const headers = { ...request.headers, authorization: `Bearer ${await session.token()}` };
  const answer = await fetch(new URL(path, session.url), { ...request, headers }).catch(notAnswering(session.url));
  const text = await answer.text();
  if (!answer.ok) throw new Fault(codeOf(answer.status), whyRefused(answer.status, text), { retryable: false });
  return readAnswer(text, reads);
}

function codeOf(status: number): FaultCode {
  const exit = exitCodeOfStatus(status);
  if (exit === EXIT.notAllowed) return "not_allowed";
  return exit === EXIT.unreachable ? "target_unreachable" : "bridge_refused";
}

/** What a bridge answered. Throws `bridge_refused` where it is something else. */
export function readAnswer<T>(text: string, reads: Reads<T>): T {
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), reads), text);
  if (read.success) return read.output;
  throw refused("its answer is not understood; is it this bridge, and of the version of this command?");
}

/** For a call that met nobody. */
export const notAnswering =
  ({ origin }: URL) =>
  (cause: unknown): never => {
    const message = `no bridge answers at ${origin}: ${whyNot(cause)}; is it started, and is this its address?`;
    throw new Fault("target_unreachable", message, { retryable: true, cause });
  };

/** What fetch throws may quote a header: of it the system's code alone is told. */
function whyNot(error: unknown): string {
  if (error instanceof Fault) return error.message;
  const { cause } = error instanceof Error ? error : {};
  return cause instanceof Error && "code" in cause ? `the connection failed (${cause.code})` : "the connection failed";
}

/** RFC 9457, as far as it is shown. */
const problem = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    title: v.optional(v.string()),
    detail: v.optional(v.string()),
    reason: v.optional(v.string()),
    instance: v.optional(v.string()),
  }),
);

/** Why the bridge, or what stands before it, did not do what was asked, and the request by which its log can be searched. */
export function whyRefused(status: number, text: string): string {
  const told = v.safeParse(problem, text);
  const { title = "no reason given", detail = title, reason, instance } = told.success ? told.output : {};
  const request = instance === undefined ? [] : [`request ${instance.replace(/^urn:uuid:/, "")}`];
  const facts = reason === undefined ? request : [reason, ...request];
  const known = facts.length === 0 ? "" : ` (${facts.join(", ")})`;
  return status === 401
    ? `your token was not believed${known}: see "drawbridge token explain"`
    : `${status} ${detail}${known}`;
}

const refused = (message: string): Fault => new Fault("bridge_refused", message, { retryable: false });
