import { sourceNameOf } from "../model/bus-event.ts";
import type { Commands } from "./command.ts";
import type { CommandDeps } from "./execute-command.ts";
import { personAt } from "./people.ts";

/** Creates {@link Commands} with these dependencies. What executes a command is loaded with the first one. */
export const createCommands = (deps: CommandDeps): Commands => ({
  rejectReason(busEvent) {
    const { replay, actor } = busEvent.detail;
    if (replay) return "it comes from a replay";
    if (actor === undefined) return "its author is unknown";
    const source = sourceNameOf(busEvent);
    // Anybody may be in a group. The comment is read before the site is asked for groups: few comments are commands.
    const known = deps.groups.has(source) || personAt(deps.people, source, actor.id);
    return known ? undefined : `${actor.id} is not among the source's people`;
  },
  executeCommand: async (command) => (await import("./execute-command.ts")).executeCommand(command, deps),
});
