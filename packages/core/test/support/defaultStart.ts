/**
 * How the tests' guests start that ask for no way: clones where they can be, as users have it. `NIX_VM_TEST_SUITE_START=cold` boots them all,
 * which tells what templates save; tests of templates fail then.
 */
export const defaultStart = process.env["NIX_VM_TEST_SUITE_START"] === "cold" ? "cold" : "auto"
