import type { Reporter, SerializedError, TestModule } from "vitest/node"

/**
 * Ends the output of a test run with one plain line, `N passed, N failed` (`, N skipped`), for people and scripts.
 *
 * What broke outside of a test, such as a file that can't be loaded, counts as failed.
 */
export class CountsReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandledErrors: ReadonlyArray<SerializedError>): void {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 }
    for (const module of modules) {
      if (module.errors().length > 0) counts.failed++
      for (const suite of module.children.allSuites()) if (suite.errors().length > 0) counts.failed++
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        // A test that never got a result was cut off.
        counts[state === "pending" ? "failed" : state]++
      }
    }
    const skipped = counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`
    // After the summary of the default reporter, which also writes at the end of the run.
    process.once("exit", () => process.stdout.write(`${counts.passed} passed, ${counts.failed} failed${skipped}\n`))
  }
}
