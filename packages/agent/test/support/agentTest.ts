/** One built agent a test file, one running agent a test. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, test } from "vitest"
import { AgentUnderTest, buildAgent } from "./AgentUnderTest.ts"

/** Tests of an agent that was built with this environment of build.sh. */
export const agentTest = (options: { readonly env?: Readonly<Record<string, string>> } = {}) => {
  let folder = ""
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "nvt-build-"))
    buildAgent(join(folder, "agent"), options.env)
  }, 120_000)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return test.extend<{ agent: AgentUnderTest; binary: string }>({
    // oxlint-disable-next-line no-empty-pattern -- vitest reads the needed fixtures from the pattern
    binary: async ({}, use) => use(join(folder, "agent")),
    agent: async ({ binary }, use) => {
      const agent = await AgentUnderTest.start(binary)
      await use(agent)
      await agent.close()
    }
  })
}
