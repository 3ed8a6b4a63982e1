import type { CommandHost } from "../../shared/cli/command.ts";
import { sqliteMaintenance } from "../../shared/store/sqlite/maintenance.ts";

/** The host of a command in a test. It starts no bridge. */
export const commandHost = ({
  environment = {},
  print = () => undefined,
  warn = () => undefined,
  columns,
  openTerminal,
  interrupted = () => new AbortController().signal,
}: Partial<
  Pick<CommandHost, "environment" | "print" | "warn" | "columns" | "openTerminal" | "interrupted">
> = {}): CommandHost => ({
  environment,
  program: "drawbridge",
  print,
  warn,
  columns,
  openTerminal,
  interrupted,
  version: async () => "0.0.0",
  start: () => Promise.reject(new Error("a test starts its bridge itself")),
  maintenance: async () => sqliteMaintenance,
});

/** Options as arguments of a command line. */
export const optionArgs = (options: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
