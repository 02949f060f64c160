/** What is decided about one share: what the guest has of the host, where, and how it comes there. */

/** Serves a folder by virtiofs. */
export interface VirtiofsDaemon {
  readonly path: string
  /** The driver is not root: the daemon runs in a user namespace, with the ids that are subordinate to the user. */
  readonly userNamespace: boolean
}

/** A folder of the host, or those paths of a Nix store that `closureInfo`'s folders list. */
export type ShareContent =
  | { readonly folder: string }
  | { readonly closureInfo: ReadonlyArray<string>; readonly storeDir: string }

export type SharePath =
  | { readonly _tag: "9p" }
  /** The daemon listens on the socket; it has to, before QEMU starts. */
  | { readonly _tag: "virtiofs"; readonly daemon: VirtiofsDaemon; readonly socket: string }
  /** A file system to be made before the start; the guest finds the disk by its serial number. */
  | { readonly _tag: "image"; readonly tool: string; readonly path: string; readonly serial: string }
  | { readonly _tag: "copy" }

export interface SharePlan {
  /** Name and mount tag. */
  readonly mountTag: string
  readonly content: ShareContent
  readonly target: string
  readonly readOnly: boolean
  /** Its folder is the run's own and is made with it. */
  readonly ofTheRun: boolean
  readonly by: SharePath
  /** For the report: how it comes, and what that means for those who use it. */
  readonly told: string
}

/** The folders of the run that a guest has at `/tmp/shared` and `/tmp/xchg`, where they are on the host. */
export interface ExchangeFolders {
  /** Common to all machines. */
  readonly shared: string
  /** The machine's own. */
  readonly own: string
}

/** What the guest has of a Nix store besides the files. */
export interface RegistrationPlan {
  /** Folders with a file `registration`. */
  readonly closureInfo: ReadonlyArray<string>
  /** The file in the guest. */
  readonly target: string
}
