import type { Plugin } from "rolldown"

const eager = /const graphemeSegmenter = (?:\/\*#__PURE__\*\/)?\s*new Intl\.Segmenter\(([^)]*)\)/u

/**
 * effect's output of help texts makes a segmenter of graphemes when it is imported, for which ICU loads its tables: 10 ms of every start of the
 * command. In the bundle it is made when a text is first measured.
 */
export const lazySegmenter = (): Plugin => ({
  name: "lazy-segmenter",
  transform: {
    filter: { id: /\/effect\/(?:dist|src)\/cli\/CliOutput\.[jt]s$/u },
    handler(code, id) {
      if (!eager.test(code))
        this.error(`${id} makes its segmenter in another way by now: is lazySegmenter still needed?`)
      return code.replace(
        eager,
        "let madeSegmenter; const graphemeSegmenter = { segment: (text) => (madeSegmenter ??= new Intl.Segmenter($1)).segment(text) }"
      )
    }
  }
})
