/** Schema issues in the words of someone who wrote the spec: path, value, expectation, suggestion. */
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import { nearest } from "./nearest.ts"
import type { SpecProblem } from "./SpecError.ts"

type Path = ReadonlyArray<PropertyKey>

/** `machines.server.files["/etc/motd"].mode`: what is no plain word is quoted. */
export const formatPath = (path: Path): string =>
  path
    .map((key, index) => {
      if (typeof key === "number") return `[${key}]`
      const text = String(key)
      if (!/^[A-Za-z0-9_-]+$/u.test(text)) return `[${JSON.stringify(text)}]`
      return index === 0 ? text : `.${text}`
    })
    .join("")

const valueLimit = 60

const formatValue = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > valueLimit ? `${text.slice(0, valueLimit - 1)}…` : text
}

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)

const namesOfTypes: Partial<Record<SchemaAST.AST["_tag"], string>> = {
  String: "text",
  Number: "a number",
  Boolean: "true or false",
  Arrays: "a list",
  Objects: "an object"
}

const expectedOf = (ast: SchemaAST.AST): string => {
  const annotated = text(ast.annotations?.["expected"])
  if (annotated !== undefined) return annotated
  if (ast._tag === "Literal") return JSON.stringify(ast.literal)
  if (ast._tag === "Union") return ast.types.map(expectedOf).join(" or ")
  return namesOfTypes[ast._tag] ?? "something else"
}

const expectation = (expected: string, issue: SchemaIssue.Issue): string =>
  SchemaIssue.hasInput(issue) ? `expected ${expected}, got ${formatValue(issue.input)}` : `expected ${expected}`

const unexpectedKey = (issue: SchemaIssue.UnexpectedKey, path: Path): SpecProblem => {
  const key = String(path.at(-1))
  if (issue.ast._tag === "Objects") {
    const [index] = issue.ast.indexSignatures
    if (index !== undefined) {
      const expected = expectedOfChecks(index.parameter) ?? expectedOf(index.parameter)
      return { path: formatPath(path.slice(0, -1)), message: `expected ${expected}, got ${formatValue(key)}` }
    }
    const known = issue.ast.propertySignatures.map(({ name }) => String(name))
    const close = nearest(key, known)
    return {
      path: formatPath(path),
      message: close === undefined ? `unknown; known are ${known.join(", ")}` : `unknown; did you mean "${close}"?`
    }
  }
  return { path: formatPath(path), message: "more than expected" }
}

const expectedOfChecks = (ast: SchemaAST.AST): string | undefined => {
  for (const check of ast.checks ?? []) {
    const expected = text(check.annotations?.["expected"])
    if (expected !== undefined) return expected
  }
  return undefined
}

/** True for a union's member that the value can't have meant, since a key that makes it this member is absent. */
const lacksKey = (issue: SchemaIssue.Issue): boolean =>
  issue._tag === "Composite" &&
  issue.issues.some((inner) => inner._tag === "Pointer" && inner.issue._tag === "MissingKey")

/** Everything that is wrong, in the order of the schema's keys. */
export const problemsOf = (issue: SchemaIssue.Issue, path: Path = []): ReadonlyArray<SpecProblem> => {
  const at = (message: string): ReadonlyArray<SpecProblem> => [{ path: formatPath(path), message }]
  switch (issue._tag) {
    case "Pointer":
      return problemsOf(issue.issue, [...path, ...issue.path])
    case "Composite":
      return issue.issues.flatMap((inner) => problemsOf(inner, path))
    case "Encoding":
      return problemsOf(issue.issue, path)
    case "Filter": {
      const expected = text(issue.filter.annotations?.["expected"])
      return expected === undefined ? problemsOf(issue.issue, path) : at(expectation(expected, issue))
    }
    case "AnyOf": {
      const meant = issue.issues.filter((inner) => inner._tag === "Composite" && !lacksKey(inner))
      const [only] = meant
      const isObject = only?._tag === "Composite" && only.ast._tag === "Objects"
      return meant.length === 1 && only !== undefined && isObject
        ? problemsOf(only, path)
        : at(expectation(expectedOf(issue.ast), issue))
    }
    case "MissingKey":
      return at("missing")
    case "UnexpectedKey":
      return [unexpectedKey(issue, path)]
    case "InvalidType":
      return at(expectation(expectedOf(issue.ast), issue))
    case "InvalidValue":
      return at(
        text(issue.annotations?.["message"]) ??
          expectation(text(issue.annotations?.["expected"]) ?? "another value", issue)
      )
    case "Forbidden":
    case "OneOf":
      return at("not allowed here")
  }
}
