/** Images of Linux distributions: a catalog for the driver, and typed names for scripts. */
export { catalogLayer } from "./Catalog.ts"
export { catalogNames } from "./releaseNamed.ts"
export {
  almalinux,
  alpine,
  amazonlinux,
  arch,
  centosStream,
  debian,
  fedora,
  opensuse,
  oraclelinux,
  rocky,
  ubuntu
} from "./typedNames.ts"
