/** What a test is: machines, networks, a script, limits. One schema for JSON, TypeScript and Nix. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as IpNetwork from "effect/net/IpNetwork"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { DurationSpec } from "./DurationSpec.ts"
import { HostName, MachineSpec } from "./MachineSpec.ts"
import { nearest } from "./nearest.ts"
import { ScriptSpec } from "./ScriptSpec.ts"

/** A network that machines are plugged into. */
export const NetworkSpec = Schema.Struct({
  ipv4: Schema.optionalKey(
    Schema.String.check(
      Schema.makeFilter((text) => Result.isSuccess(IpNetwork.ipv4FromString(text)), {
        expected: `an IPv4 network such as "10.1.0.0/24", without host bits`
      })
    )
      .annotate({ description: `Prefix of its IPv4 addresses, such as "10.1.0.0/24". Default: 192.168.N.0/24.` })
      .pipe(Schema.decodeTo(Schema.Ipv4NetworkFromString))
  ),
  ipv6: Schema.optionalKey(
    Schema.String.check(
      Schema.makeFilter((text) => Result.isSuccess(IpNetwork.ipv6FromString(text)), {
        expected: `an IPv6 network such as "fd00::/64", without host bits`
      })
    )
      .annotate({ description: `Prefix of its IPv6 addresses, such as "fd00::/64". Default: 2001:db8:N::/64.` })
      .pipe(Schema.decodeTo(Schema.Ipv6NetworkFromString))
  ),
  mtu: Schema.Int.check(Schema.isBetween({ minimum: 576, maximum: 9000 }, { expected: "576 to 9000 bytes" }))
    .annotate({ default: 1500 })
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed(1500)))
})
export type NetworkSpec = typeof NetworkSpec.Type

/** Limits that hold where a test says nothing else; unlike a test's own they grow with a slow guest. */
export const defaultTimeouts = {
  test: Duration.hours(1),
  boot: Duration.minutes(5),
  command: Duration.minutes(15),
  shutdown: Duration.minutes(1)
} as const

const limit = (description: string, byDefault: string) =>
  Schema.optionalKey(DurationSpec.pipe(Schema.annotateEncoded({ description, default: byDefault })))

/** A limit that is absent is the default's, see {@link defaultTimeouts}. */
export const TimeoutsSpec = Schema.Struct({
  test: limit("The whole test.", "1h"),
  boot: limit("From a machine's start until it is ready.", "5min"),
  command: limit("One command or wait that has no limit of its own.", "15min"),
  shutdown: limit("A machine's own way to its end.", "1min")
})
export type TimeoutsSpec = typeof TimeoutsSpec.Type

/** The largest number that fits the last part of a machine's addresses. */
const maximumMachines = 254

/** A test, decoded: every default filled in, sizes in bytes, limits as durations. Paths are as they were written. */
export const TestSpec = Schema.Struct({
  name: Schema.String.check(
    Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$/u, {
      expected: "a name of letters, digits and ._+- (at most 100)"
    })
  )
    .annotate({ default: "test" })
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed("test"))),
  machines: Schema.Record(HostName, MachineSpec).check(
    Schema.isMinProperties(1, { expected: "at least one machine" }),
    Schema.isMaxProperties(maximumMachines, { expected: `at most ${maximumMachines} machines` })
  ),
  networks: Schema.Record(HostName, NetworkSpec)
    .check(Schema.isMaxProperties(maximumMachines, { expected: `at most ${maximumMachines} networks` }))
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed({}))),
  script: Schema.optionalKey(ScriptSpec),
  skipLint: Schema.Boolean.annotate({
    description: "The script is not linted by `nix-vm-test check`.",
    default: false
  }).pipe(Schema.withDecodingDefaultKey(Effect.succeed(false))),
  skipTypeCheck: Schema.Boolean.annotate({
    description: "The script's types are not checked by `nix-vm-test check`.",
    default: false
  }).pipe(Schema.withDecodingDefaultKey(Effect.succeed(false))),
  timeouts: TimeoutsSpec.pipe(Schema.withDecodingDefaultKey(Effect.succeed({}))),
  accel: Schema.Literals(["auto", "kvm", "tcg"])
    .annotate({ description: "auto: KVM where it works, else emulation.", default: "auto" })
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed("auto" as const)))
})
  .check(
    Schema.makeFilter((spec) => {
      const known = Object.keys(spec.networks)
      return Object.entries(spec.machines).flatMap(([machine, { networks }]) =>
        networks.flatMap((network, index) => {
          if (known.includes(network)) return []
          const close = nearest(network, known)
          return [
            {
              path: ["machines", machine, "networks", index],
              issue: `no network ${JSON.stringify(network)} under "networks"${
                close === undefined ? `: add "networks": { "${network}": {} }` : `: did you mean "${close}"?`
              }`
            }
          ]
        })
      )
    })
  )
  .annotate({ title: "A test of nix-vm-test" })
export type TestSpec = typeof TestSpec.Type

/** A test as users write it: all that has a default may be left out. */
export type TestSpecInput = typeof TestSpec.Encoded
