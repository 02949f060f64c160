#!/usr/bin/env node
/** Entry of the `nix-vm-test` command: turns V8's compile cache on, then loads the rest, which profits from it. */
import { enableCompileCache } from "node:module"
import { homedir } from "node:os"
import { join } from "node:path"
import { version } from "./version.ts"

if (process.argv.length === 3 && process.argv[2] === "--version") {
  // Asked by scripts and editors, again and again: not worth loading a command line parser.
  process.stdout.write(`nix-vm-test v${version}\n`)
} else {
  // Node's default is a predictable folder in the temporary directory, where other users could leave code for us.
  enableCompileCache(join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "nix-vm-test", "compile"))
  const { runCli } = await import("./runCli.ts")
  runCli()
}
