/** The day that a build is named by, such as `2026-08-06` for `20260806-2562`; undefined where its name has none. */
export const dayOfBuild = (build: string): string | undefined => {
  const [, year, month, day] = /(?<!\d)(20\d\d)(\d\d)(\d\d)(?!\d)/u.exec(build) ?? []
  return year === undefined ? undefined : `${year}-${month}-${day}`
}
