import type { Architecture } from "@nix-vm-test/core/spec/Image"
import { alignColumns } from "../alignColumns.ts"
import { sizeText } from "../sizeText.ts"

export interface ListedImage {
  readonly name: string
  /** `gone` is an imported one whose disk was deleted, `unavailable` one that this host's architecture has not. */
  readonly state: "absent" | "present" | "imported" | "gone" | "unavailable"
  readonly architecture?: Architecture
  /** Day such as `2028-06-30`. */
  readonly endOfLife?: string
  /** Bytes to be downloaded. */
  readonly downloadBytes?: number
  /** Bytes of the disk's file. */
  readonly bytes?: number
  readonly path?: string
  readonly key?: string
  /** Whether its one boot by which the agent is brought in was done, where the image needs one. */
  readonly preparation?: "unneeded" | "done" | "pending"
}

const columns = [
  { title: "name" },
  { title: "size", align: "right" },
  { title: "state" },
  { title: "support" }
] as const

const preparations = { unneeded: "", done: ", prepared", pending: ", not prepared yet" } as const

const stateText = ({ state, preparation }: ListedImage): string => {
  switch (state) {
    case "present":
    case "imported":
      return `${state === "present" ? "fetched" : "imported"}${preparations[preparation ?? "unneeded"]}`
    case "absent":
      return "not fetched"
    case "gone":
      return "deleted: import it again"
    case "unavailable":
      return "not for this host's architecture"
  }
}

const supportText = ({ endOfLife }: ListedImage, now: Date): string => {
  if (endOfLife === undefined) return ""
  return endOfLife < now.toISOString().slice(0, 10) ? `ended ${endOfLife}` : `until ${endOfLife}`
}

/** One line an image; the size of one that is not here is that of its download. */
export const imagesTable = (images: ReadonlyArray<ListedImage>, now: Date): string =>
  alignColumns(
    columns,
    images.map((image) => {
      const bytes = image.bytes ?? image.downloadBytes
      return [image.name, bytes === undefined ? "" : sizeText(bytes), stateText(image), supportText(image, now)]
    })
  )
