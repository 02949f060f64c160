/** Writes the JSON Schema of test specs to where editors and generators find it. */
import * as fs from "node:fs"
import { testSpecJsonSchema } from "@nix-vm-test/core/spec/jsonSchema"

const target = new URL("../packages/core/schema/test-spec.schema.json", import.meta.url)
fs.mkdirSync(new URL(".", target), { recursive: true })
fs.writeFileSync(target, testSpecJsonSchema())
