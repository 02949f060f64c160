/** Shell code that gives a guest's apt packages of its own: a flat repository in a folder of the guest. */
import { packagesFolder } from "./packagesFolder.ts"
import type { PackageScripts } from "./packageScripts.ts"
import { shellQuote } from "./shellQuote.ts"

const source = "/etc/apt/sources.list.d/nix-vm-test.list"

/** apt waits for each mirror that does not answer, and for each name that nobody looks up: a guest without internet has none to ask. */
const disableSources = `for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
  if [ -e "$file" ]; then mv "$file" "$file.disabled"; fi
done`

/**
 * Makes the folder's files known to apt, by what dpkg reads of them. The index holds digests, since apt takes no file without, and the repository is
 * trusted, since it has no signature.
 */
const publish: PackageScripts["publish"] = ({ offline }) => `export LC_ALL=C
cd ${packagesFolder}
taken=$(echo all $(dpkg --print-architecture) $(dpkg --print-foreign-architectures))
for file in *.deb; do
  architecture=$(dpkg-deb --field "$file" Architecture)
  case " $taken " in
  *" $architecture "*) ;;
  *)
    echo "$file is for $architecture, and this guest takes $taken" >&2
    exit 1
    ;;
  esac
  dpkg-deb --field "$file"
  echo "Filename: ./$file"
  echo "Size: $(stat --format=%s "$file")"
  echo "SHA256: $(sha256sum <"$file" | cut -d ' ' -f 1)"
  echo
done >Packages
${offline ? disableSources : ""}
echo "deb [trusted=yes] file:${packagesFolder} ./" >${source}
apt-get --quiet update -o Dir::Etc::sourcelist=${source} -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0 -o APT::Update::Error-Mode=any
`

/** Installs by name. apt waits less for its lock than the step may take, so that it says who has it. Configuration files that are there already, such as those of the specification, stay as they are. */
const install: PackageScripts["install"] = (names) => `export LC_ALL=C DEBIAN_FRONTEND=noninteractive
apt-get --quiet --yes install -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold ${names.map(shellQuote).join(" ")} </dev/null
`

export const aptPackages: PackageScripts = { publish, install }
