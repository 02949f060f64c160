/**
 * QEMU's first complaint in its stderr that is more than a warning, without the program's name; undefined when there is
 * none.
 */
export const firstComplaint = (stderr: string): string | undefined =>
  stderr
    .split("\n")
    .find((line) => line.trim() !== "" && !line.includes(": warning:"))
    ?.replace(/^qemu-system-\w+: /u, "")
    .trim()
