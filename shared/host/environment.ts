/** Variables of a process. What Lambda changes in them with each call is seen by whoever holds them. */
export type Environment = Readonly<Record<string, string | undefined>>;
