/** Shell code that gives a guest's dnf packages of its own: a repository in a folder of the guest. */
import { packagesFolder } from "./packagesFolder.ts"
import type { PackageScripts } from "./packageScripts.ts"
import { shellQuote } from "./shellQuote.ts"

const repositories = "/etc/yum.repos.d"
const name = "nix-vm-test"

/** dnf gives up where a repository can't be reached, after it has tried for long. */
const disableRepositories = `for file in ${repositories}/*.repo; do
  if [ -e "$file" ]; then mv "$file" "$file.disabled"; fi
done`

const relation = (tag: string): string => {
  const field = (part: string) => `%{${tag.toUpperCase().replace(/S$/u, "")}${part}}`
  return `[${tag}\\t${field("NAME")}\\t${field("FLAGS:depflags")}\\t${field("VERSION")}\n]`
}

const relations = ["provides", "requires", "conflicts", "obsoletes", "recommends"]

/** What rpm reads of a package: a line for each fact, its parts divided by tabs. */
const query = `package\\t%{NAME}\\t%{ARCH}\\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\\t%{SIZE}
${relations.map(relation).join("")}[file\\t%{FILENAMES}\n]`

/** Turns those lines into the metadata that dnf wants; relations to rpm itself are no packages'. */
const toPrimary = `
function xml(text) {
  gsub(/&/, "\\\\&amp;", text); gsub(/</, "\\\\&lt;", text); gsub(/>/, "\\\\&gt;", text); gsub(/"/, "\\\\&quot;", text)
  return text
}
function version(text,   epoch, release) {
  epoch = 0
  if (match(text, /^[0-9]+:/)) { epoch = substr(text, 1, RLENGTH - 1); text = substr(text, RLENGTH + 1) }
  if (match(text, /-[^-]*$/)) { release = substr(text, RSTART + 1); text = substr(text, 1, RSTART - 1) }
  return " epoch=\\"" epoch "\\" ver=\\"" xml(text) "\\"" (release == "" ? "" : " rel=\\"" xml(release) "\\"")
}
BEGIN {
  FS = "\\t"
  word["="] = "EQ"; word["<"] = "LT"; word[">"] = "GT"; word["<="] = "LE"; word[">="] = "GE"
  print "<?xml version=\\"1.0\\" encoding=\\"UTF-8\\"?>"
  print "<metadata xmlns=\\"http://linux.duke.edu/metadata/common\\" xmlns:rpm=\\"http://linux.duke.edu/metadata/rpm\\">"
}
$1 == "package" { split("", entries); files = ""; head = "<name>" xml($2) "</name><arch>" $3 "</arch><version" version($4) "/>"; installed = $5; next }
$1 == "file" { files = files "<file>" xml($2) "</file>"; next }
$1 == "end" {
  print "<package type=\\"rpm\\">" head "<checksum type=\\"sha256\\" pkgid=\\"YES\\">" $3 "</checksum>"
  print "<size package=\\"" $4 "\\" installed=\\"" installed "\\"/><location href=\\"" xml($2) "\\"/><format>"
  for (kind in entries) print "<rpm:" kind ">" entries[kind] "</rpm:" kind ">"
  print files "</format></package>"
  next
}
$2 !~ /^rpmlib\\(/ {
  gsub(/ /, "", $3)
  entries[$1] = entries[$1] "<rpm:entry name=\\"" xml($2) "\\"" ($3 in word ? " flags=\\"" word[$3] "\\"" version($4) : "") "/>"
}
END { print "</metadata>" }
`

export const dnfPackages: PackageScripts = {
  publish: ({ offline }) => `export LC_ALL=C
cd ${packagesFolder}
mkdir -p repodata
for file in *.rpm; do
  architecture=$(rpm --query --package --nosignature --queryformat '%{ARCH}' "$file")
  case $architecture in
  noarch | i[3-6]86 | "$(uname -m)") ;;
  *)
    echo "$file is for $architecture, and this guest takes noarch $(uname -m)" >&2
    exit 1
    ;;
  esac
  rpm --query --package --nosignature --queryformat ${shellQuote(query)} "$file"
  printf 'end\\t%s\\t%s\\t%s\\n' "$file" "$(sha256sum <"$file" | cut -d ' ' -f 1)" "$(stat --format=%s "$file")"
done >repodata/lines
awk ${shellQuote(toPrimary)} repodata/lines >repodata/primary.xml
cat >repodata/repomd.xml <<END
<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo"><data type="primary">
<checksum type="sha256">$(sha256sum <repodata/primary.xml | cut -d ' ' -f 1)</checksum>
<location href="repodata/primary.xml"/></data></repomd>
END
${offline ? disableRepositories : ""}
mkdir -p ${repositories}
printf '[${name}]\\nname=${name}\\nbaseurl=file://${packagesFolder}\\ngpgcheck=0\\n' >${repositories}/${name}.repo
`,
  install: (names) => `export LC_ALL=C
dnf --assumeyes --disablerepo='*' --enablerepo=${name} install ${names.map(shellQuote).join(" ")} </dev/null
`
}
