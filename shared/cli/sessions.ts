import * as v from "valibot";
import { post } from "./bridge-client.ts";
import type { Invocation } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { sessionOf } from "./session.ts";
import { printable } from "./terminal-text.ts";

const revoked = v.object({ subject: v.string(), notBefore: v.string() });

/** `drawbridge sessions revoke [<subject>]`. */
export async function sessionsRevokeCommand(invocation: Invocation): Promise<number> {
  const {
    positionals: [person],
    print,
  } = invocation;
  const body = person === undefined ? {} : { subject: person };
  const { subject, notBefore } = await post(await sessionOf(invocation), "/v1/sessions/revoke", revoked, { body });
  print(printable(`the console's sessions of ${subject} from before ${notBefore} have ended`));
  return EXIT.done;
}
