import type { Reporter, TestCase, TestModule } from "vitest/node";

/** Closes a run with how many tests ran on which stores, and with the counts on a plain line of their own. */
export class CountsReporter implements Reporter {
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
    process.stdout.write(`\n${lines.join("\n")}\n`);
  }
}
