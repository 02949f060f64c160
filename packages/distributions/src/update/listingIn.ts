/** The names in a web server's page of a folder; a folder's without its slash, each once. Links that lead elsewhere, or sort the page, are none. */
export const listingIn = (html: string): ReadonlyArray<string> => {
  const links = [...html.matchAll(/<a\s[^>]*?href=["']([^"']+)["']/giu)].map(([, href = ""]) =>
    href.replace(/^\.\//u, "")
  )
  const names = links.filter((href) => /^[^/?#:]+\/?$/u.test(href) && !href.startsWith("..")).map(decodedName)
  return [...new Set(names.map((name) => name.replace(/\/$/u, "")))]
}

const decodedName = (href: string): string => {
  try {
    return decodeURIComponent(href)
  } catch {
    return href
  }
}
