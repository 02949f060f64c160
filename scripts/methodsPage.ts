/** `docs/methods.md`: each method in NixOS' test driver, in Python here and in TypeScript here, out of the sources of both. */
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { membersOf } from "./machineApiPage.ts"
import { nixosHelpers, nixosMethods, otherNames } from "./nixosMethods.ts"

interface PythonMethod {
  readonly name: string
  readonly signature: string
  readonly doc: string
}

const readPython = (): {
  readonly machine: ReadonlyArray<PythonMethod>
  readonly driver: ReadonlyArray<PythonMethod>
} => JSON.parse(execFileSync("python3", [join(import.meta.dirname, "pythonMethods.py")], { encoding: "utf8" }))

const camelCase = (name: string): string =>
  name.replaceAll(/_(?<letter>[a-z])/gu, (_, letter: string) => letter.toUpperCase())

const code = (text: string): string => `\`${text.replaceAll("|", "\\|")}\``

/** A signature as the table has room for it: the names of the arguments. */
const argumentsOf = (signature: string): string => {
  const [, list] = /^\w+: (?:<.*?>)?\((?<list>.*)\) => [^)]*$/u.exec(signature) ?? []
  if (list === undefined) return ""
  return `(${[...list.replaceAll(/\{.*?\}/gu, "").matchAll(/(?<name>\w+\??): /gu)].map(([, name]) => name).join(", ")})`
}

interface TableOptions {
  readonly nixos: Readonly<Record<string, string>>
  readonly python: ReadonlyArray<PythonMethod>
  readonly typescript: ReadonlyArray<{ readonly name: string; readonly signature: string; readonly doc: string }>
}

const table = ({ nixos, python, typescript }: TableOptions): string => {
  const typed = new Map(typescript.map((member) => [member.name, member]))
  const inTypeScript = (name: string): string => {
    const member = typed.get(otherNames[name] ?? camelCase(name))
    return member === undefined ? "–" : code(member.name + argumentsOf(member.signature))
  }
  const known = new Map(python.map((method) => [method.name, method]))
  const names = [...Object.keys(nixos), ...python.map(({ name }) => name).filter((name) => !(name in nixos))]
  const rows = names.map((name) => {
    const method = known.get(name)
    const original = nixos[name]
    return [
      original === undefined ? "–" : code(`${name}(${original})`),
      method === undefined ? "–" : code(method.signature),
      inTypeScript(name),
      method?.doc ?? ""
    ]
  })
  const shown = new Set(names.map((name) => otherNames[name] ?? camelCase(name)))
  const own = typescript
    .filter(({ name }) => !shown.has(name))
    .map(({ name, signature, doc }) => ["–", "–", code(name + argumentsOf(signature)), doc.split("\n")[0] ?? ""])
  return [
    "| NixOS | Python | TypeScript | |",
    "| --- | --- | --- | --- |",
    ...[...rows, ...own].map((cells) => `| ${cells.map((cell) => cell.replaceAll(/(?<!\\)\|/gu, "\\|")).join(" | ")} |`)
  ].join("\n")
}

export const methodsPage = (): string => {
  const python = readPython()
  const helpers = python.driver.filter(({ name }) => name in nixosHelpers)
  return `${[
    "# Methods, side by side",
    'NixOS\' test driver, a Python script here, and a TypeScript script here. Generated from the sources by `npm run docs`. Names and defaults of the first column work in Python as they are; what the second column has beyond them is optional. Limits are seconds in Python, and seconds or texts such as `"2min"` in TypeScript.',
    "## Of a machine",
    table({ nixos: nixosMethods, python: python.machine, typescript: membersOf("Machine") }),
    "## Of the test",
    table({ nixos: nixosHelpers, python: helpers, typescript: membersOf("PromiseHelpers") }),
    "`retry` and `polling_condition` are functions of the script's namespace, as are `t`, `log`, `os`, `machines`, `vlans`, `driver` and `debug`; TypeScript has the language's own means and any library for them. Types and details of the third column: [the machine's API](machine-api.md)."
  ].join("\n\n")}\n`
}
