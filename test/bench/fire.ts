import { Agent, request } from "node:http";

const agent = new Agent({ keepAlive: true });

/** Calls the listener for a push, as a script of a few lines does. */
export function fire(listener: string, after: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json" };
    const call = request(listener, { method: "POST", agent, headers }, (response) => {
      response.resume().once("end", resolve);
    });
    call.once("error", reject).end(JSON.stringify({ after }));
  });
}

/** The part of a push's body that the plain receivers read. */
export interface PushPayload {
  readonly ref: string;
  readonly after: string;
}

export const isToMain = ({ ref }: PushPayload): boolean => ref === "refs/heads/main";
