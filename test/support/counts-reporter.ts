import type { UserConsoleLog } from "vitest";
import type { Reporter, TestCase, TestModule } from "vitest/node";
import { Canaries } from "./canaries.ts";

/**
 * Ends a run with the number of tests on each store, and with the counts on a plain line, and names the tests that were
 * tried twice. A run in which a test printed a canary fails.
 */
export class CountsReporter implements Reporter {
  readonly #mayBeTriedTwice: (path: string) => boolean;
  readonly #canaries = new Canaries();
  /** What was printed, by the id of the test. */
  readonly #printed = new Map<string, readonly string[]>();

  constructor({ mayBeTriedTwice }: { readonly mayBeTriedTwice: (path: string) => boolean }) {
    this.#mayBeTriedTwice = mayBeTriedTwice;
  }

  onUserConsoleLog({ content, type, taskId = "no test" }: UserConsoleLog): void {
    const found = this.#canaries.foundIn([{ where: type, text: content }]);
    if (found.length > 0) this.#printed.set(taskId, found);
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: string, among = tests): number =>
      among.filter((test) => test.result().state === state).length;
    const suites = new Map<string, TestCase[]>();
    for (const test of tests) {
      const [, store] = /^stores on ([^>]+?) >/.exec(test.fullName) ?? [];
      if (store !== undefined) suites.set(store, [...(suites.get(store) ?? []), test]);
    }
    const lines = [...suites].map(
      ([store, among]) => `store contract on ${store}: ${count("passed", among)} tests passed`,
    );
    lines.push(`${count("passed")} passed, ${count("failed")} failed, ${count("skipped")} skipped`);
    for (const { module, fullName } of tests.filter((test) => test.diagnostic()?.flaky === true)) {
      const isForgiven = this.#mayBeTriedTwice(module.relativeModuleId);
      if (!isForgiven) process.exitCode = 1;
      lines.push(`passed at the second try only${isForgiven ? "" : ", which counts as a failure"}: ${fullName}`);
    }
    for (const [id, found] of this.#printed) {
      process.exitCode = 1;
      lines.push(`printed by ${tests.find((test) => test.id === id)?.fullName ?? id}: ${found.join("; ")}`);
    }
    process.stdout.write(`\n${lines.join("\n")}\n`);
  }
}
