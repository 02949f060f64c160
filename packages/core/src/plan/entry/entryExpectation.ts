import type { EntryStrategy } from "../../spec/Image.ts"

/** What had to happen in a guest for the agent to come in: said of one that it did not come into. */
export const entryExpectation: Readonly<Record<EntryStrategy, string>> = {
  installed: "installed: the image has the agent's unit, which starts the agent from its disk",
  credential: "credential: systemd, 256 or later, makes the agent's unit from a credential in the SMBIOS tables",
  tmpfiles:
    "tmpfiles: systemd, 252 or later, writes the agent's unit from the credential tmpfiles.extra; udev starts it",
  nocloud: "nocloud: cloud-init finds its seed disk (label cidata) and installs and starts the agent's unit"
}
