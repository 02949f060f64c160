/** The JSON Schema of a test spec, for editors and for what generates specs. */
import * as Schema from "effect/Schema"
import { TestSpec } from "./TestSpec.ts"

/** The schema as JSON text, as `schema/test-spec.schema.json` holds it. */
export const testSpecJsonSchema = (): string => {
  const document = Schema.toJsonSchemaDocument(TestSpec, { onExcessProperty: "error" })
  const schema = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    ...document.schema,
    ...(Object.keys(document.definitions).length > 0 ? { $defs: document.definitions } : {})
  }
  return `${JSON.stringify(schema, undefined, 2)}\n`
}
