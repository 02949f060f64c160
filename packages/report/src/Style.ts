/** The few colours of reports, or none. */
import { styleText } from "node:util"

const format = {
  dim: "dim",
  bold: "bold",
  good: "green",
  bad: "red",
  warning: "yellow",
  verdictGood: ["bold", "green"],
  verdictBad: ["bold", "red"],
  verdictWarning: ["bold", "yellow"]
} as const

/** Colours that tell machines apart, in the order in which machines appear; red, green and yellow have meanings. */
const machineColours = ["cyan", "magenta", "blue", "cyanBright", "magentaBright", "blueBright"] as const

export type Style = Readonly<Record<keyof typeof format, (text: string) => string>> & {
  readonly machine: (name: string) => string
}

export const makeStyle = (options: { readonly color: boolean }): Style => {
  const paint = (name: Parameters<typeof styleText>[0]) => (text: string) =>
    options.color && text !== "" ? styleText(name, text, { validateStream: false }) : text
  const known = new Map<string, (text: string) => string>()
  const machine = (name: string): string => {
    const colour = known.get(name) ?? paint(machineColours[known.size % machineColours.length] ?? "cyan")
    known.set(name, colour)
    return colour(name)
  }
  return {
    dim: paint(format.dim),
    bold: paint(format.bold),
    good: paint(format.good),
    bad: paint(format.bad),
    warning: paint(format.warning),
    verdictGood: paint([...format.verdictGood]),
    verdictBad: paint([...format.verdictBad]),
    verdictWarning: paint([...format.verdictWarning]),
    machine
  }
}
