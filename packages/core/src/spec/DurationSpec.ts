/** Durations as users write them: `"90s"`, `"15min"`, `"1h 30min"`, or a number of seconds. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

const units = {
  ms: 1,
  s: 1000,
  sec: 1000,
  second: 1000,
  seconds: 1000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  hours: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  days: 86_400_000
} as const

const isUnit = (text: string | undefined): text is keyof typeof units =>
  text !== undefined && Object.hasOwn(units, text)

const part = String.raw`(\d+(?:\.\d+)?) ?(${Object.keys(units).join("|")})`
const pattern = new RegExp(`^${part}(?: ?${part})*$`, "u")

/** A duration with its unit, or several that are added up; none for other text and for nothing at all. */
export const parseDuration = (text: string): Option.Option<Duration.Duration> => {
  if (!pattern.test(text)) return Option.none()
  let millis = 0
  for (const [, amount, unit] of text.matchAll(new RegExp(`${part}(?![a-z])`, "gu"))) {
    if (isUnit(unit)) millis += Number(amount) * units[unit]
  }
  return millis > 0 ? Option.some(Duration.millis(millis)) : Option.none()
}

/** A time limit, from text with a unit or from a number of seconds. Zero is refused: it would end everything before it began. */
export const DurationSpec = Schema.Union([
  Schema.Finite.check(Schema.isGreaterThan(0)),
  Schema.String.check(
    Schema.isPattern(pattern),
    Schema.makeFilter((text) => Option.isSome(parseDuration(text)), { expected: "more than nothing" })
  )
])
  .annotate({
    expected: `a duration such as "15min", "1h", "90s" or a number of seconds`,
    description: `A duration with its unit ("15min", "1h", "90s", "1h 30min"), or a number of seconds.`
  })
  .pipe(
    Schema.decodeTo(
      Schema.Duration,
      SchemaTransformation.transform({
        decode: (limit) =>
          typeof limit === "number" ? Duration.seconds(limit) : Option.getOrThrow(parseDuration(limit)),
        encode: (duration): number | string => Duration.toSeconds(duration)
      })
    )
  )
