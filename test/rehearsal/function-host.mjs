// Runs one packaged function in a process of its own, as Lambda's runtime does: one call after the other, each sent
// over the channel from the parent. Plain JavaScript, so that nothing comes between Node and the package.
import { pathToFileURL } from "node:url";

const { handler } = await import(pathToFileURL(process.argv[2]).href);
const context = { getRemainingTimeInMillis: () => 30_000 };

process.on("message", async ({ call, event }) => {
  try {
    process.send({ call, answer: (await handler(event, context)) ?? null });
  } catch (error) {
    process.send({ call, error: error instanceof Error ? error.name : "unknown" });
  }
});
process.send({ ready: true });
