/** The thread of a run's switches: work in the driver, such as a script's own, must not slow the networks down. */
import { parentPort } from "node:worker_threads"
import { CaptureFile } from "./CaptureFile.ts"
import { EthernetSwitch, type SwitchPort } from "./EthernetSwitch.ts"
import { switchPortToSocket } from "./SwitchedPort.ts"
import type { PortStatistics, SwitchAnswer, SwitchCommand, SwitchRequest } from "./SwitchMessage.ts"

interface Network {
  readonly ethernet: EthernetSwitch
  readonly ports: Map<string, SwitchPort>
  readonly captures: Map<string, CaptureFile>
}

const networks = new Map<string, Network>()

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
const say = (answer: SwitchAnswer): void => parentPort?.postMessage(answer)

const networkOf = (name: string): Network => {
  const network = networks.get(name)
  if (network === undefined) throw new Error(`there is no network ${name}`)
  return network
}

const portOf = (network: Network, name: string): SwitchPort => {
  const port = network.ports.get(name)
  if (port === undefined) throw new Error(`no machine ${name} is in this network`)
  return port
}

const addNetwork = (name: string, seed: number): void => {
  const ethernet = new EthernetSwitch({
    seed,
    onFaultError: (error) => say({ _tag: "FaultFailed", network: name, detail: String(error) })
  })
  networks.set(name, { ethernet, captures: new Map(), ports: new Map() })
}

const addPort = (name: string, portName: string, socket: string): void => {
  const { ethernet, ports } = networkOf(name)
  const port = ethernet.addPort(portName)
  ports.set(portName, port)
  switchPortToSocket({
    ethernet,
    port,
    socket,
    onOutOfStep: (detail) => say({ _tag: "OutOfStep", network: name, port: portName, detail })
  })
}

const statistics = (): ReadonlyArray<PortStatistics> =>
  [...networks].flatMap(([network, { ethernet, ports }]) =>
    [...ports].map(([name, port]) => ({
      network,
      port: name,
      connected: port.output !== undefined,
      ...ethernet.countersOf(port)
    }))
  )

const watch = ({ ethernet, captures }: Network): void => {
  const capture = (port: SwitchPort, frame: Uint8Array): void => {
    for (const file of captures.values()) file.add(port.name, frame)
  }
  ethernet.watcher = captures.size === 0 ? undefined : capture
}

const startCapture = (command: Extract<SwitchCommand, { readonly _tag: "StartCapture" }>): void => {
  const network = networkOf(command.network)
  network.captures.set(command.file, new CaptureFile(command))
  watch(network)
}

const stopCapture = async (name: string, file: string): Promise<void> => {
  const network = networkOf(name)
  const { captures } = network
  const capture = captures.get(file)
  captures.delete(file)
  watch(network)
  await capture?.close()
}

const carryOut = async (command: SwitchCommand): Promise<ReadonlyArray<PortStatistics> | undefined> => {
  switch (command._tag) {
    case "AddNetwork":
      addNetwork(command.network, command.seed)
      return undefined
    case "AddPort":
      addPort(command.network, command.port, command.socket)
      return undefined
    case "Block": {
      const network = networkOf(command.network)
      const link = [portOf(network, command.from), portOf(network, command.to)] as const
      if (command.blocked) network.ethernet.block(...link)
      else network.ethernet.unblock(...link)
      return undefined
    }
    case "Impair": {
      const network = networkOf(command.network)
      network.ethernet.impair(portOf(network, command.from), portOf(network, command.to), command.impairment)
      return undefined
    }
    case "Statistics":
      return statistics()
    case "StartCapture":
      startCapture(command)
      return undefined
    case "StopCapture":
      await stopCapture(command.network, command.file)
      return undefined
  }
}

parentPort?.on("message", ({ id, command }: SwitchRequest) => {
  carryOut(command).then(
    (found) => say({ _tag: "Done", id, ...(found === undefined ? {} : { statistics: found }) }),
    (error: unknown) => say({ _tag: "Refused", id, detail: error instanceof Error ? error.message : String(error) })
  )
})
