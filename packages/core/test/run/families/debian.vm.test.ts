/** Every argument of a machine on Debian's guests. */
import { stockFacts } from "../../support/stockCatalog.ts"
import { familySuite } from "./familySuite.ts"

// Its reboots have tests of their own.
familySuite({ image: "debian:12", facts: stockFacts["debian-12-stock"], memory: "512MiB", reboots: false })
