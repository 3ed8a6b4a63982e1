import { reportToParent } from "./child.ts";
import { startLoadGenerator, type WebhookLoad } from "./webhook-load.ts";

/** The sender and the listener, in a process of their own. */
const generator = await startLoadGenerator();
// The measures send loads, and nothing else.
reportToParent(generator.listener, (load) => generator.run(load as WebhookLoad));
