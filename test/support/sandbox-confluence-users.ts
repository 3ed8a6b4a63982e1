/** A user of the sandbox, with the names that each product gives it. */
export interface SandboxUser {
  readonly displayName: string;
  /** Data Center: the name for the sign-in. No webhook has it. */
  readonly username: string;
  /** Data Center: 32 hexadecimal digits, in webhooks and in the REST API. */
  readonly userKey: string;
  /** Cloud. */
  readonly accountId: string;
}

/** The owner of the credential that the sandbox gives to a bridge. */
export const BRIDGE_USER: SandboxUser = {
  displayName: "Drawbridge",
  username: "drawbridge",
  userKey: "8a7f808a8f0d1c6e018f0d1f5c2a0001",
  accountId: "712020:0f6b9c3e-52d7-4c8e-9a41-3d6f0e8b7a10",
};

/** The person who uses the sandbox by hand. */
export const ROBIN: SandboxUser = {
  displayName: "Robin Example",
  username: "robin.example",
  userKey: "ff80818b8e2a4c6f018e2a51b7d40002",
  accountId: "557058:7c1d2e3f-8a9b-4c0d-b1e2-f3a4b5c6d7e8",
};

export const KNOWN_USERS: readonly SandboxUser[] = [BRIDGE_USER, ROBIN];

/** The user with this display name. Any other has one name for everything. */
export const userNamed = (displayName: string): SandboxUser =>
  KNOWN_USERS.find((user) => user.displayName === displayName) ?? {
    displayName,
    username: displayName,
    userKey: displayName,
    accountId: displayName,
  };

/** The user with this user key. Any other author has one name for everything. */
export const userOf = (author: string): SandboxUser =>
  KNOWN_USERS.find(({ userKey }) => userKey === author) ?? {
    displayName: author,
    username: author,
    userKey: author,
    accountId: author,
  };

export interface SandboxCredentials {
  readonly user: string;
  readonly token: string;
  readonly bearer: string;
  /** A person's own token, for a bridge that writes in a person's name. */
  readonly personsBearer: string;
}

/** The owner of a call's credential. Undefined if nobody has this credential. */
export function callerOf(
  authorization: string | undefined,
  { user, token, bearer, personsBearer }: SandboxCredentials,
): SandboxUser | undefined {
  if (authorization === `Bearer ${personsBearer}`) return ROBIN;
  const bridges = [`Basic ${Buffer.from(`${user}:${token}`).toString("base64")}`, `Bearer ${bearer}`];
  return bridges.includes(authorization ?? "") ? BRIDGE_USER : undefined;
}
