import * as fs from "node:fs/promises"
import * as path from "node:path"
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Guests } from "../support/Guests.ts"
import { eventsDuring, type GuestSuite, theMachine } from "../support/guestSuite.ts"

/** A folder of the host, gone with the test. */
const hostFolder = Effect.acquireRelease(
  Effect.flatMap(Guests, ({ outputDirectory }) =>
    Effect.promise(() => fs.mkdtemp(path.join(outputDirectory, "files-")))
  ),
  (folder) => Effect.promise(() => fs.rm(folder, { recursive: true, force: true }))
)

const onHost = <A>(run: () => Promise<A>): Effect.Effect<A> => Effect.promise(run)

/** Bytes that no compression and no luck can reproduce. */
const noise = (length: number): Uint8Array => {
  const words = new Uint32Array(length / 4)
  let state = 0x9e3779b9
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[index] = state
  }
  return new Uint8Array(words.buffer)
}

/** A tree with everything that trees have: modes, links, empty folders, odd names. */
const makeTree = async (root: string): Promise<void> => {
  await fs.mkdir(path.join(root, "deep/er"), { recursive: true })
  await fs.mkdir(path.join(root, "empty"))
  await fs.writeFile(path.join(root, "plain"), "text\n")
  await fs.writeFile(path.join(root, "deep/er/program"), "#!/bin/sh\n")
  await fs.chmod(path.join(root, "deep/er/program"), 0o750)
  await fs.chmod(path.join(root, "deep"), 0o700)
  await fs.writeFile(path.join(root, "with space"), "")
  await fs.writeFile(path.join(root, "with\nnewline"), "odd")
  await fs.writeFile(path.join(root, "ünïcode"), "ü")
  await fs.symlink("deep/er/program", path.join(root, "link"))
  await fs.symlink("/nowhere/at/all", path.join(root, "dangling"))
}

const described = String.raw`find . -printf '%y %m %s %l %p\0' | sort -z | tr '\0\n' '\n?'`

/** The same for the host, where a folder's size is the file system's own business. */
const describeTree = async (root: string): Promise<string> => {
  const lines: Array<string> = []
  const walk = async (where: string): Promise<void> => {
    const stat = await fs.lstat(path.join(root, where))
    const mode = (stat.mode & 0o7777).toString(8)
    if (stat.isDirectory()) {
      lines.push(`d ${mode} ${where}`)
      for (const name of await fs.readdir(path.join(root, where))) await walk(`${where}/${name}`)
    } else if (stat.isSymbolicLink()) {
      lines.push(`l ${await fs.readlink(path.join(root, where))} ${where}`)
    } else {
      lines.push(`f ${mode} ${await fs.readFile(path.join(root, where), "base64")} ${where}`)
    }
  }
  await walk(".")
  return lines.toSorted().join("\n")
}

export const filesSuite: GuestSuite = (it) => {
  it.effect("copies a tree in and out again: modes, links, empty folders, names with spaces and newlines", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const folder = yield* hostFolder
      const source = path.join(folder, "in")
      yield* onHost(() => makeTree(source))
      yield* vm.copyFromHost(source, "/root/new/tree")
      const seen = yield* vm.succeed(described, { cwd: "/root/new/tree" })
      assert.match(seen, /^d 700 \d+ {2}\.\/deep$/m)
      assert.include(seen, "f 750 10  ./deep/er/program\n")
      assert.match(seen, /^d \d+ \d+ {2}\.\/empty$/m)
      assert.include(seen, "f 644 3  ./with?newline\n")
      assert.match(seen, /^l 777 15 deep\/er\/program \.\/link$/m)
      assert.strictEqual(yield* vm.succeed("stat --format='%U:%G' /root/new/tree/plain"), "root:root\n")
      yield* vm.copyToHost("/root/new/tree", path.join(folder, "out"))
      assert.strictEqual(
        yield* onHost(() => describeTree(path.join(folder, "out"))),
        yield* onHost(() => describeTree(source))
      )
      yield* vm.succeed("rm -r /root/new")
    })
  )

  it.effect("copies 50 MiB in and out without losing a byte", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const folder = yield* hostFolder
      const bytes = noise(50 * 1024 * 1024)
      yield* onHost(() => fs.writeFile(path.join(folder, "big"), bytes))
      yield* vm.copyFromHost(path.join(folder, "big"), "/root/big")
      yield* vm.copyToHost("/root/big", path.join(folder, "back"))
      const back = yield* onHost(() => fs.readFile(path.join(folder, "back")))
      assert.isTrue(back.equals(bytes))
      yield* vm.succeed("rm /root/big")
    })
  )

  it.effect("puts copies into the output folder, under the source's name, as artifacts", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const { outputDirectory } = yield* Guests
      yield* vm.succeed("echo kept > /root/report.txt; chmod 600 /root/report.txt")
      const saved = yield* eventsDuring("ArtifactSaved", vm.copyToHost("/root/report.txt"))
      assert.deepInclude(saved[0], { path: "report.txt", kind: "file", machine: "vm" })
      const copy = path.join(outputDirectory, "report.txt")
      assert.strictEqual(yield* onHost(() => fs.readFile(copy, "utf8")), "kept\n")
      assert.strictEqual((yield* onHost(() => fs.stat(copy))).mode & 0o777, 0o600)
      yield* vm.copyToHost("/root/report.txt", "sub/folder/renamed.txt")
      assert.strictEqual(
        yield* onHost(() => fs.readFile(path.join(outputDirectory, "sub/folder/renamed.txt"), "utf8")),
        "kept\n"
      )
    })
  )

  it.effect("replaces a file that is there, on either side", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const folder = yield* hostFolder
      const file = path.join(folder, "file")
      yield* onHost(() => fs.writeFile(file, "new"))
      yield* vm.succeed("echo 'old and longer' > /root/file")
      yield* vm.copyFromHost(file, "/root/file")
      assert.strictEqual(yield* vm.succeed("cat /root/file"), "new")
      yield* vm.succeed("echo from the guest > /root/file")
      yield* vm.copyToHost("/root/file", file)
      assert.strictEqual(yield* onHost(() => fs.readFile(file, "utf8")), "from the guest\n")
    })
  )

  it.effect("refuses a source that is not there and a target in a file's place, as the test's own failure", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const folder = yield* hostFolder
      yield* onHost(() => fs.mkdir(path.join(folder, "tree")))
      yield* onHost(() => fs.writeFile(path.join(folder, "file"), ""))
      yield* vm.succeed("mkdir -p /root/tree; touch /root/tree/x /root/occupied")
      for (const [copy, words] of [
        [vm.copyFromHost(path.join(folder, "missing"), "/root/x"), /missing.*ENOENT.*host/],
        [vm.copyFromHost(path.join(folder, "tree"), "/root/occupied"), /\/root\/occupied.*(ENOTDIR|EEXIST)/],
        [vm.copyFromHost(path.join(folder, "file"), "/root/occupied/below"), /\/root\/occupied\/below.*ENOTDIR/],
        [vm.copyFromHost(path.join(folder, "file"), "/root/tree"), /\/root\/tree.*EISDIR/],
        [vm.copyToHost("/root/missing", path.join(folder, "x")), /\/root\/missing.*ENOENT/],
        [vm.copyToHost("/root/tree", path.join(folder, "file")), /file.*EEXIST.*/],
        [vm.copyToHost("/root/occupied", path.join(folder, "file/below")), /file.*(ENOTDIR|EEXIST)/]
      ] as const) {
        const failure = yield* Effect.flip(copy)
        assert.strictEqual(failure.reason._tag, "FileRefused", failure.message)
        assert.match(failure.message, words)
      }
      assert.deepStrictEqual((yield* onHost(() => fs.readdir(folder))).toSorted(), ["file", "tree"])
    })
  )

  it.effect("copies a link that leads out as a link, and writes nothing through it", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const folder = yield* hostFolder
      const outside = path.join(folder, "outside")
      yield* onHost(() => fs.mkdir(outside))
      yield* onHost(() => fs.writeFile(path.join(outside, "secret"), "untouched"))
      const make = (linked: string) => vm.succeed(`mkdir -p /root/trap && cd /root/trap && rm -rf * && ${linked}`)
      const target = path.join(folder, "copy")

      yield* make(`ln -s ${outside} way && ln -s ${outside}/secret secret`)
      yield* vm.copyToHost("/root/trap", target)
      assert.strictEqual(yield* onHost(() => fs.readlink(path.join(target, "way"))), outside)

      // The second copy finds the first one's links where it has a folder and a file of the same names.
      yield* make("mkdir way && echo evil > way/planted && echo evil > secret")
      const failure = yield* Effect.flip(vm.copyToHost("/root/trap", target))
      assert.strictEqual(failure.reason._tag, "FileRefused", failure.message)
      assert.deepStrictEqual(yield* onHost(() => fs.readdir(outside)), ["secret"])
      assert.strictEqual(yield* onHost(() => fs.readFile(path.join(outside, "secret"), "utf8")), "untouched")
    })
  )
}
