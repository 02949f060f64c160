/** Machines in a plain program, without a test runner: `node examples/library/library.ts`. */
import { startMachines } from "@nix-vm-test/driver"

await using vms = await startMachines({
  machines: { vm: { image: "debian:12", memory: "512MiB" } }
})
const { vm } = vms.machines

const kernel = await vm.succeed("uname -r")
console.log(`a guest with Linux ${kernel.trim()}`)

await vm.succeed("systemd-run --unit=web python3 -m http.server 8000 --directory /etc")
await vm.waitForOpenPort(8000)
const { host, port } = await vm.forwardPort(8000)
const response = await fetch(`http://${host}:${port}/os-release`)
console.log(await response.text())
