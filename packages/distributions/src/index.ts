/** Images of Linux distributions: a catalog for the driver, and a typed lookup. */
export { catalogLayer, catalogNames } from "./Catalog.ts"
export { debian, type DebianVersion } from "./debian.ts"
