/** Why a folder can't be used as a template that was made elsewhere. */
import * as Schema from "effect/Schema"

export const ShippedTemplateReason = Schema.Union([
  /** No folder that a template was written to. */
  Schema.TaggedStruct("NoTemplate", { detail: Schema.String }),
  /** A file is not what it was when the template was written. */
  Schema.TaggedStruct("Damaged", { file: Schema.String, seen: Schema.String }),
  Schema.TaggedStruct("HostRefused", { detail: Schema.String })
])

export class ShippedTemplateError extends Schema.TaggedError<ShippedTemplateError>()("ShippedTemplateError", {
  /** Of the template. */
  folder: Schema.String,
  reason: ShippedTemplateReason
}) {
  override get message(): string {
    switch (this.reason._tag) {
      case "NoTemplate":
        return `${this.folder} is no template: ${this.reason.detail}`
      case "Damaged":
        return `the template ${this.folder} is damaged: ${this.reason.file} ${this.reason.seen}`
      case "HostRefused":
        return `the template ${this.folder}: ${this.reason.detail}`
    }
  }
}
