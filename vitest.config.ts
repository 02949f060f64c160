import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"
import { CountsReporter } from "./scripts/CountsReporter.ts"

// oxlint-disable-next-line import/no-default-export -- vitest reads it
export default defineConfig({
  test: {
    reporters: ["default", new CountsReporter()],
    projects: [
      {
        test: {
          name: "fast",
          include: ["packages/*/test/**/*.test.ts", "scripts/test/**/*.test.ts"],
          exclude: ["**/*.vm.test.ts", "**/node_modules/**"],
          testTimeout: 30_000,
          sequence: { groupOrder: 0 }
        }
      },
      {
        test: {
          name: "vm",
          include: ["packages/*/test/**/*.vm.test.ts"],
          // A guest keeps one processor busy while it boots; more at once would ask for much memory.
          maxWorkers: Math.min(4, Math.max(2, availableParallelism())),
          testTimeout: 600_000,
          hookTimeout: 600_000,
          sequence: { groupOrder: 1 }
        }
      }
    ]
  }
})
