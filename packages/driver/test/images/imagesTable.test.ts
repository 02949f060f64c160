import { assert, it } from "@effect/vitest"
import { imagesTable } from "@nix-vm-test/driver/images/imagesTable"

const mebibyte = 1024 ** 2

it("says of each image what is here and how long it is supported", () => {
  const table = imagesTable(
    [
      { name: "debian:11", state: "absent", downloadBytes: 300 * mebibyte, endOfLife: "2026-08-31" },
      { name: "debian:12", state: "present", bytes: 247 * mebibyte, preparation: "unneeded", endOfLife: "2028-06-30" },
      { name: "other:1", state: "present", bytes: 1500 * mebibyte, preparation: "pending" },
      { name: "own:1", state: "imported", bytes: mebibyte, preparation: "done" },
      { name: "own:2", state: "gone" },
      { name: "arm:1", state: "unavailable" }
    ],
    new Date("2026-11-24T12:00:00Z")
  )
  assert.strictEqual(
    table,
    [
      "name          size  state                             support",
      "debian:11  300 MiB  not fetched                       ended 2026-08-31",
      "debian:12  247 MiB  fetched                           until 2028-06-30",
      "other:1    1.5 GiB  fetched, not prepared yet",
      "own:1        1 MiB  imported, prepared",
      "own:2               deleted: import it again",
      "arm:1               not for this host's architecture"
    ].join("\n")
  )
})
