import { systemClock } from "../../shared/host/clock.ts";
import { busyConsole } from "../support/busy-console.ts";
import { edit } from "../support/console-traffic.ts";
import { reportToParent } from "./child.ts";

/** The bridge with its console, as many deliveries as given, and some open approvals. Somebody on call has signed in. */
const OPEN_APPROVALS = 5;
const [deliveries = ""] = process.argv.slice(2);
const busy = await busyConsole(Number(deliveries));
for (let version = 1; version <= OPEN_APPROVALS; version++)
  await busy.pageEdit(edit(version, "rita", systemClock.now()));
const { visitor } = await busy.signIn("olga");
const cookie = [...visitor.cookies].map((pair) => pair.join("=")).join("; ");
reportToParent(busy.bridgeUrl, async () => ({ cookie }));
