/**
 * Shell code around the saving of a guest, for its time to go on from there when it is loaded again.
 *
 * An emulated processor's TSC never runs backwards within one QEMU process, so that a kernel which keeps time by it would see all the time pass
 * that its undone future took: timers and watchdogs would fire at once. HPET is saved and loaded with the guest. The kernel's own detector of
 * lockups reads the TSC whatever the clock source is, and is kept from looking.
 */

const clock = "/sys/devices/system/clocksource/clocksource0"
const detector = "/proc/sys/kernel/soft_watchdog"

/** Takes the time from HPET where it is from the TSC; says on a line each what `goOn` has to turn back. */
export const standStill = `
if [ -w ${clock}/current_clocksource ]; then
  read -r current <${clock}/current_clocksource
  read -r available <${clock}/available_clocksource
  if [ "$current" = tsc ]; then
    case " $available " in *" hpet "*) echo hpet >${clock}/current_clocksource; echo clock ;; esac
  fi
fi
if [ -w ${detector} ]; then
  read -r enabled <${detector}
  if [ "$enabled" = 1 ]; then echo 0 >${detector}; echo detector; fi
fi
`

/** Undoes what `standStill` said it had done. */
export const goOn = (said: string): string => {
  const done = said.split("\n")
  return [
    ...(done.includes("clock") ? [`echo tsc >${clock}/current_clocksource`] : []),
    ...(done.includes("detector") ? [`echo 1 >${detector}`] : [])
  ].join("\n")
}
