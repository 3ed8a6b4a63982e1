import { randomBytes } from "node:crypto";
import type { Log } from "../../shared/host/log.ts";
import { startFrontDoor } from "./front-door.ts";
import { type MachineClient, startIdentityProvider } from "./identity-provider.ts";
import { type ConfigChanges, standaloneBridge } from "./standalone-bridge.ts";
import { silentLog } from "./test-doubles.ts";
import { fieldIn, type Shown, Visitor } from "./visitor.ts";

const CLIENT = { clientId: "drawbridge-console", clientSecret: randomBytes(24).toString("base64url") };
/** The audience of the command line's tokens. */
export const AUDIENCE = "https://bridge.example.test";
/** A client with its own token, for calls without the pages. */
export const ROBOT = { id: "robot", secret: randomBytes(24).toString("base64url") };

const PEOPLE = [
  { id: "rita", is: "asks for changes", groups: [] },
  { id: "olga", is: "on call", groups: ["on-call"] },
  { id: "axel", is: "approves", groups: ["on-call", "approvers"] },
  { id: "nora", is: "leads incidents", groups: ["incidents"] },
] as const;
type Name = (typeof PEOPLE)[number]["id"];

/**
 * The whole bridge with its console, behind a proxy and with an identity provider: page edits wait for an approval and
 * then fire runs, and pushes fire runs at once.
 */
export async function consoleBridge({
  log = silentLog,
  gatesPushes = false,
  gatesEdits = true,
  machines = [],
  changes = {},
  environment = {},
  dataPath,
}: {
  readonly log?: Log;
  /** Pushes wait for an approval too, by two people or by somebody who leads incidents. */
  readonly gatesPushes?: boolean;
  /** Page edits wait for an approval. */
  readonly gatesEdits?: boolean;
  /** Further clients of the identity provider, each with its role. */
  readonly machines?: readonly Machine[];
  /** Further issuers, roles, routes and targets. */
  readonly changes?: ConfigChanges;
  /** Secrets that they name. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly dataPath?: string;
} = {}) {
  const door = await startFrontDoor();
  const redirectUri = new URL("/console/signed-in", door.url).href;
  const identity = await startIdentityProvider({
    clients: [ROBOT, ...machines.map(({ client }) => client)],
    site: { ...CLIENT, redirectUri, people: PEOPLE },
  });
  const encryptionKeys = { SEAL: randomBytes(32).toString("base64"), OLD_SEAL: randomBytes(32).toString("base64") };
  const bridge = await standaloneBridge({
    log,
    environment: { ...environment, ...encryptionKeys, CLIENT_SECRET: CLIENT.clientSecret },
    ...(dataPath !== undefined && { dataPath }),
    changes: withPeople(changes, peopleFrom(identity.issuer, { gatesPushes, gatesEdits, machines })),
    sections: {
      console: {
        trust: "people",
        clientId: CLIENT.clientId,
        clientSecret: "env:CLIENT_SECRET",
        scope: "openid profile",
        sealedBy: { current: "env:SEAL", next: "env:OLD_SEAL" },
        url: door.url.origin,
      },
    },
  });
  door.leadTo(bridge.url);
  /** Signs in as this person, starting at a page of the console. */
  const signIn = async (person: Name, page = "/console", visitor = new Visitor()) => {
    await visitor.go(new URL(page, door.url));
    const shown = await visitor.post(visitor.url.pathname, { person });
    return { visitor, shown };
  };
  return {
    ...bridge,
    door,
    identity,
    redirectUri,
    encryptionKeys,
    signIn,
    url: door.url,
    /** Without the proxy. */
    bridgeUrl: bridge.url,
    /** Sends a form with the hidden field that every form of the open page has. */
    order: (visitor: Visitor, shown: Shown, path: string, fields: Readonly<Record<string, string>>) =>
      visitor.post(path, { form: fieldIn(shown, "form"), ...fields }),
    stop: async () => {
      await bridge.stop();
      await door.close();
      await identity.close();
    },
  };
}

export interface Machine {
  readonly client: MachineClient;
  readonly role: string;
}

interface Choices {
  readonly gatesPushes: boolean;
  readonly gatesEdits: boolean;
  readonly machines: readonly Machine[];
}

/** The people of `issuer`, with roles by their groups. */
function peopleFrom(issuer: string, { gatesPushes, gatesEdits, machines }: Choices) {
  const inGroup = (group: string) => [{ path: "groups", equals: group }];
  return {
    routes: {
      ...(gatesEdits && { "page-build": { approval: {} } }),
      ...(gatesPushes && { "push-build": { approval: { approvers: 2, emergency: ["incident-lead"] } } }),
    },
    issuers: {
      people: {
        issuer,
        audience: [AUDIENCE, CLIENT.clientId],
        roles: [
          { role: "on-call", when: inGroup("on-call") },
          { role: "approver", when: inGroup("approvers") },
          { role: "incident-lead", when: inGroup("incidents") },
          { role: "on-call", when: [{ path: "sub", equals: ROBOT.id }] },
          ...machines.map(({ client, role }) => ({ role, when: [{ path: "sub", equals: client.id }] })),
        ],
      },
    },
    roles: {
      "on-call": { call: ["deliveries", "payloads"], replay: ["*"], pause: ["*"] },
      "incident-lead": {},
      deputy: { approve: ["page-build"], onRequest: { by: ["on-call"], approvedBy: ["approver"], maxMinutes: 60 } },
      approver: { approve: ["page-build", ...(gatesPushes ? ["push-build"] : [])] },
    },
  };
}

const withPeople = (changes: ConfigChanges, people: ReturnType<typeof peopleFrom>): ConfigChanges => ({
  ...changes,
  ...people,
  issuers: { ...changes["issuers"], ...people.issuers },
  roles: { ...changes["roles"], ...people.roles },
  routes: { ...changes["routes"], ...people.routes },
});
