/**
 * `docs/machine-api.md` from the doc comments of the machine's handle: the handle and the types that its signatures mention, directly or through
 * each other.
 */
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parseSync, Visitor } from "oxc-parser"

const root = join(import.meta.dirname, "..")

interface Member {
  readonly name: string
  readonly signature: string
  readonly doc: string
}

interface Declaration {
  readonly name: string
  readonly file: string
  readonly doc: string
  /** Source of what has no members to list. */
  readonly code: string
  readonly members: ReadonlyArray<Member>
  /** Names of types in it, in their order. */
  readonly mentions: ReadonlyArray<string>
}

/** As if the formatter had had room for all of it. */
const oneLine = (code: string): string =>
  code
    .replaceAll(/\s+/gu, " ")
    .replaceAll(/(?<=\() | (?=\))/gu, "")
    .trim()

const textOf = (comment: string): string =>
  comment
    .split("\n")
    .map((line) => line.replace(/^\s*\*? ?/u, ""))
    .join("\n")
    .trim()

interface Span {
  readonly start: number
  readonly end: number
}

const within = (outer: Span, start: number): boolean => outer.start <= start && start < outer.end

/** The exported interfaces, type aliases and classes of one file. */
const declarationsOf = (file: string): ReadonlyArray<Declaration> => {
  const source = readFileSync(join(root, file), "utf8")
  const { program, comments, errors } = parseSync(file, source)
  if (errors[0] !== undefined) throw new Error(`${file}: ${errors[0].message}`)

  const docBefore = (start: number): string => {
    const comment = comments.findLast(({ end }) => end <= start && source.slice(end, start).trim() === "")
    return comment?.type === "Block" && comment.value.startsWith("*") ? textOf(comment.value) : ""
  }
  const mentions: Array<{ readonly name: string; readonly start: number }> = []
  const membersAt: Array<Member & { readonly start: number }> = []
  const memberOf = (node: Span & { readonly key: Span }): void => {
    const name = source.slice(node.key.start, node.key.end)
    const signature = oneLine(source.slice(node.key.start, node.end)).replace(/;$/u, "")
    membersAt.push({ start: node.start, name, signature, doc: docBefore(node.start) })
  }
  new Visitor({
    TSTypeReference: ({ typeName }) => {
      if (typeName.type === "Identifier") mentions.push({ name: typeName.name, start: typeName.start })
    },
    TSInterfaceHeritage: ({ expression }) => {
      if (expression.type === "Identifier") mentions.push({ name: expression.name, start: expression.start })
    },
    TSPropertySignature: memberOf,
    TSMethodSignature: memberOf
  }).visit(program)

  return program.body.flatMap((statement): ReadonlyArray<Declaration> => {
    if (statement.type !== "ExportNamedDeclaration") return []
    const { declaration } = statement
    const named =
      declaration?.type === "TSInterfaceDeclaration" ||
      declaration?.type === "TSTypeAliasDeclaration" ||
      declaration?.type === "ClassDeclaration"
    if (!named || declaration.id === null) return []
    const body = declaration.type === "TSInterfaceDeclaration" ? declaration.body.body : []
    return [
      {
        name: declaration.id.name,
        file,
        doc: docBefore(statement.start),
        code: declaration.type === "TSTypeAliasDeclaration" ? source.slice(declaration.start, declaration.end) : "",
        members: body.flatMap(({ start }) => membersAt.filter((member) => member.start === start)),
        mentions: mentions.filter(({ start }) => within(declaration, start)).map(({ name }) => name)
      }
    ]
  })
}

const folder = "packages/core/src"
const declarations = new Map(
  ["machine", "promise", "guest", "spec", "events", "script"]
    .flatMap((layer) => globSync(`${folder}/${layer}/*.ts`, { cwd: root }).toSorted())
    .flatMap(declarationsOf)
    .map((declaration) => [declaration.name, declaration] as const)
)

/** The members of an exported interface, in their order. */
export const membersOf = (name: string): ReadonlyArray<Member> => declarations.get(name)?.members ?? []

/** The roots and what they mention, each once, in the order of the first mention. */
const reachable = (names: ReadonlyArray<string>): ReadonlyArray<Declaration> => {
  const seen = new Set<string>()
  const visit = (wanted: ReadonlyArray<string>): void => {
    const fresh = wanted.filter((name) => declarations.has(name) && !seen.has(name))
    for (const name of fresh) seen.add(name)
    for (const name of fresh) visit(declarations.get(name)?.mentions ?? [])
  }
  visit(names)
  return [...seen].flatMap((name) => declarations.get(name) ?? [])
}

const code = (text: string): string => `\`\`\`ts\n${text}\n\`\`\``

const render = ({ name, file, doc, code: source, members }: Declaration): string =>
  [
    `## ${name}`,
    doc,
    source === "" ? "" : code(source),
    ...members.flatMap((member) => [`### ${name}.${member.name}`, code(member.signature), member.doc]),
    members.length === 0 && source === "" ? `Defined in \`${file}\`.` : ""
  ]
    .filter((block) => block !== "")
    .join("\n\n")

const promiseTypes = [...declarations.values()].filter(({ file }) => file.startsWith(`${folder}/promise/`))

export const machineApiPage = (): string =>
  `${[
    "# The machine's API",
    "What a test script can do with a machine. Generated from the doc comments of `packages/core/src` by `npm run docs`: edit them, not this page.",
    ...reachable(["Machine", ...promiseTypes.map(({ name }) => name)]).map(render)
  ].join("\n\n")}\n`
