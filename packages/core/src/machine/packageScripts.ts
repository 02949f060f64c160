/** How a package manager is given packages of a folder in the guest. */
export interface PackageScripts {
  /** Shell code that makes the folder's files known to it. `offline`: its other sources can't be reached, and are set aside. */
  readonly publish: (options: { readonly offline: boolean }) => string
  /** Shell code that installs by name. */
  readonly install: (names: ReadonlyArray<string>) => string
}
