/** One systemd credential in the machine's SMBIOS tables; base64 keeps commas and line ends away from QEMU's own syntax. */
export const smbiosCredential = (options: {
  readonly name: string
  readonly content: string
}): ReadonlyArray<string> => [
  "-smbios",
  `type=11,value=io.systemd.credential.binary:${options.name}=${Buffer.from(options.content).toString("base64")}`
]
