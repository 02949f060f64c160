/**
 * Shell code that sets SELinux's mode through the kernel's own file, since the tools are not in every image. It lasts until the next boot, which
 * sets it again. A kernel without SELinux denies nothing, which is what `permissive` asks for.
 */
export const setSelinux = (mode: "enforcing" | "permissive"): string => `
file=/sys/fs/selinux/enforce
if [ -e "$file" ]; then
  printf ${mode === "enforcing" ? 1 : 0} >"$file"
elif [ ${mode} = enforcing ]; then
  echo "SELinux is not active in this guest: its kernel has been started without it, or has no policy" >&2
  exit 1
fi
`
