export interface PagePart {
  readonly page: string
  readonly name: string
  readonly content: string
}

/** Replaces what stands between the comments `generated: NAME` and `end: NAME` of a page. */
export const replacePart = ({ page, name, content }: PagePart): string => {
  const [begin, end] = [`<!-- generated: ${name} -->`, `<!-- end: ${name} -->`]
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from < 0 || to < from) throw new Error(`the page has no part between ${begin} and ${end}`)
  return `${page.slice(0, from + begin.length)}\n${content}\n${page.slice(to)}`
}
