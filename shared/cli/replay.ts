import { randomUUID } from "node:crypto";
import { post } from "./bridge-client.ts";
import { type Invocation, usageFault } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { replayed } from "./responses.ts";
import { type Session, sessionOf } from "./session.ts";
import { printable } from "./terminal-text.ts";

/** `drawbridge events replay <delivery>`. */
export async function replayCommand(invocation: Invocation): Promise<number> {
  const {
    positionals: [id],
    options,
    given,
    print,
  } = invocation;
  const isSimple = [...given].every((name) => ["route", "url"].includes(name));
  if (id === undefined && isSimple)
    throw usageFault("which deliveries? Name them, or select them with --state, --since, --target or --source");
  if (id === undefined || !isSimple) return (await import("./replay-many.ts")).replayManyCommand(invocation);
  print(await eventsReplay(await sessionOf(invocation), id, options["route"]));
  return EXIT.done;
}

/** `drawbridge rollback <route>`. */
export async function rollbackCommand(invocation: Invocation): Promise<number> {
  const {
    positionals: [route = ""],
    options: { environment, to },
    given,
    print,
  } = invocation;
  if (given.has("dry-run")) return (await import("./rollback-preview.ts")).printRollbacks(invocation, route);
  print(await rollback(await sessionOf(invocation), { route, environment, to }));
  return EXIT.done;
}

/** Runs a delivery again, for all of its routes or for one. */
export const eventsReplay = (session: Session, id: string, route: string | undefined): Promise<string> =>
  requestRun(session, `/v1/deliveries/${encodeURIComponent(id)}/replay`, { route });

/** Fires the route again as its last good run was fired. */
export const rollback = (
  session: Session,
  place: { readonly route: string; readonly environment?: string | undefined; readonly to?: string | undefined },
): Promise<string> => requestRun(session, "/v1/rollbacks", place);

/** Each call has its own idempotency key, so two calls of the command request two runs. */
async function requestRun(session: Session, path: string, body: object): Promise<string> {
  const headers = { "idempotency-key": randomUUID() };
  const { delivery, replayOf } = await post(session, path, replayed, { body, headers });
  return printable(`${replayOf} runs again as ${delivery}`);
}
