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
  const captures = new Map<string, CaptureFile>()
  const ethernet = new EthernetSwitch({
    seed,
    onFrame: (port, frame) => {
      for (const capture of captures.values()) capture.add(port.name, frame)
    },
    onFaultError: (error) => say({ _tag: "FaultFailed", network: name, detail: String(error) })
  })
  networks.set(name, { ethernet, captures, ports: new Map() })
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

const stopCapture = async (network: string, file: string): Promise<void> => {
  const { captures } = networkOf(network)
  const capture = captures.get(file)
  captures.delete(file)
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
      networkOf(command.network).captures.set(command.file, new CaptureFile(command))
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
