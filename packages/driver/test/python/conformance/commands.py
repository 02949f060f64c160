# Commands, units and copies as NixOS' test driver has them. Each subtest is a row of the conformance suite.
import shutil
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path

seconds = lambda number: timedelta(seconds=number)


def fails(function, kind, text):
    try:
        function()
    except kind as error:
        assert text in str(error), str(error)
        return error
    raise SystemError(f"passed, but had to raise {kind.__name__}")


with subtest("machine and vm are the lone guest, which has a variable of its name"):
    assert machine is vm and vm is lone and machines == [lone] and lone.name == "lone"

with subtest("execute gives status and stdout"):
    t.assertEqual(lone.execute("echo out; echo err >&2; exit 7"), (7, "out\n"))
    t.assertEqual(lone.execute("exit 7"), (7, ""))

with subtest("execute ends a command with status 124 when its time is over"):
    t.assertEqual(lone.execute("echo before; sleep 5", timeout=seconds(1)), (124, "before\n"))
    t.assertEqual(lone.execute("sleep 5", timeout=1), (124, ""))

with subtest("execute without check_return gives -1"):
    t.assertEqual(lone.execute("true", check_return=False), (-1, ""))

with subtest("execute without check_output gives -2 and goes on"):
    t.assertEqual(lone.execute("sleep 0.2; touch /tmp/later", check_output=False), (-2, ""))
    lone.wait_for_file("/tmp/later", timeout=seconds(20))

with subtest("commands run under set -euo pipefail"):
    t.assertEqual(lone.execute("echo $no_such_variable"), (1, ""))
    t.assertEqual(lone.execute("false | cat; echo on"), (1, ""))
    t.assertEqual(lone.fail("echo out; false | cat"), "out\n")

with subtest("bytes that are no UTF-8 are replaced"):
    t.assertEqual(lone.succeed("printf '\\xff\\xfe'"), "��")
    t.assertEqual(lone.execute("printf '\\xff'", text=False), (0, b"\xff"))

with subtest("succeed gives the stdout of all commands together"):
    t.assertEqual(lone.succeed("echo a", "echo b"), "a\nb\n")

with subtest("succeed raises with the command's exit code, and keeps both streams"):
    error = fails(
        lambda: lone.succeed("echo partial; echo why >&2; exit 3"),
        RequestedAssertionFailed,
        "command `echo partial; echo why >&2; exit 3` failed (exit code 3)",
    )
    t.assertEqual(error.evidence, {"stdout": "partial", "stderr": "why"})

with subtest("succeed tells of a time-out, with the output so far"):
    error = fails(lambda: lone.succeed("echo begun; sleep 60", timeout=seconds(1)), CommandTimedOut, "within 1 s")
    t.assertEqual(error.evidence["stdout"], "begun")

with subtest("fail raises when the command succeeds"):
    fails(lambda: lone.fail("echo well"), RequestedAssertionFailed, "command `echo well` unexpectedly succeeded")
    t.assertEqual(lone.fail("echo a; false", "echo b; false"), "a\nb\n")

with subtest("commands take stdin, variables, a folder and a user"):
    t.assertEqual(lone.succeed("cat", stdin="text"), "text")
    t.assertEqual(lone.succeed("echo $A", env={"A": "b c"}), "b c\n")
    t.assertEqual(lone.succeed("pwd", cwd="/usr"), "/usr\n")
    t.assertEqual(lone.succeed("whoami", user="nobody"), "nobody\n")

with subtest("a child that keeps stdout open does not hold the command"):
    t.assertEqual(lone.succeed("sleep 600 & echo done"), "done\n")
    lone.execute("pkill -x sleep")

with subtest("threads run commands at once"):
    said = {}
    threads = [
        threading.Thread(target=lambda n=n: said.update({n: lone.succeed(f"sleep 0.1; echo {n}")})) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    t.assertEqual(said, {n: f"{n}\n" for n in range(8)})

with subtest("16 MiB of output arrive whole"):
    import hashlib

    status, output = lone.execute("head -c 16777216 /dev/zero | tr '\\0' x | tee /dev/shm/sent", text=False)
    t.assertEqual((status, len(output)), (0, 16777216))
    t.assertEqual(hashlib.sha256(output).hexdigest(), lone.succeed("sha256sum </dev/shm/sent").split()[0])

with subtest("wait_until_succeeds and wait_until_fails give the last stdout"):
    lone.execute("sleep 0.3; touch /tmp/there", check_output=False)
    t.assertEqual(lone.wait_until_succeeds("test -e /tmp/there && echo yes"), "yes\n")
    lone.execute("sleep 0.3; rm /tmp/there", check_output=False)
    t.assertEqual(lone.wait_until_fails("test -e /tmp/there || { echo gone; false; }"), "gone\n")
    error = fails(
        lambda: lone.wait_until_succeeds("echo not yet; false", timeout=seconds(1)),
        RequestedAssertionFailed,
        "waited 1 s for `echo not yet; false` to succeed",
    )
    t.assertEqual(error.evidence["stdout"], "not yet")

with subtest("sleep sleeps in the guest"):
    lone.sleep(0.1)
    lone.sleep(duration=seconds(0.1))

with subtest("systemctl gives status and stdout, and never raises"):
    status, output = lone.systemctl("is-active no-such.service")
    t.assertEqual((status != 0, output), (True, "inactive\n"))

with subtest("units are started and stopped, and waited for"):
    lone.succeed("printf '[Service]\\nExecStart=sleep 1000\\n' >/run/systemd/system/idle.service")
    lone.succeed("systemctl daemon-reload")
    t.assertEqual(lone.start_job("idle.service"), (0, ""))
    lone.wait_for_unit("idle.service")
    lone.require_unit_state("idle.service")
    t.assertEqual(lone.get_unit_property("idle.service", "ActiveState"), "active")
    t.assertEqual(lone.get_unit_info("idle.service")["Id"], "idle.service")
    t.assertEqual(lone.stop_job("idle.service"), (0, ""))
    lone.require_unit_state("idle.service", "inactive")
    fails(lambda: lone.require_unit_state("idle.service"), RequestedAssertionFailed, "but it is in state")

with subtest("wait_for_unit ends early for units that can't become active"):
    fails(
        lambda: lone.wait_for_unit("idle.service"),
        RequestedAssertionFailed,
        'unit "idle.service" is inactive and there are no pending jobs',
    )
    lone.succeed("printf '[Service]\\nExecStart=false\\n' >/run/systemd/system/broken.service")
    lone.succeed("systemctl daemon-reload")
    lone.systemctl("start broken.service")
    lone.wait_until_succeeds("systemctl is-failed broken.service")
    message = 'unit "broken.service" reached state "failed"'
    fails(lambda: lone.wait_for_unit("broken.service"), RequestedAssertionFailed, message)

with subtest("units of a user who has no service manager are told"):
    message = 'retrieving systemctl info for unit "basic.target" under user "daemon" failed with exit code 1'
    fails(lambda: lone.get_unit_info("basic.target", "daemon"), RequestedAssertionFailed, message)

with subtest("units of a user's own"):
    lone.succeed("loginctl enable-linger nobody || true")
    lone.execute("systemctl start user@65534.service")
    t.assertEqual(lone.systemctl("is-active basic.target", "nobody"), (0, "active\n"))
    lone.wait_for_unit("basic.target", "nobody")

with subtest("copy_from_host copies files and trees, and into folders"):
    folder = Path(tempfile.mkdtemp())
    (folder / "tree" / "deep").mkdir(parents=True)
    (folder / "tree" / "deep" / "file").write_text("text")
    (folder / "run").write_text("#!/bin/sh\necho ran\n")
    (folder / "run").chmod(0o755)
    lone.copy_from_host(str(folder / "run"), "/opt/new/run")
    t.assertEqual(lone.succeed("/opt/new/run"), "ran\n")
    lone.copy_from_host(str(folder / "tree"), "/opt/copy")
    lone.copy_from_host(str(folder / "tree"), "/opt/copy")
    t.assertEqual(lone.succeed("cat /opt/copy/deep/file /opt/copy/tree/deep/file"), "texttext")
    lone.copy_from_host_via_shell(str(folder / "run"), "/opt/by-shell")
    shutil.rmtree(folder)
    t.assertEqual(lone.succeed("stat -c '%U %a' /opt/by-shell"), "root 755\n")

with subtest("copy_from_machine copies into the output folder"):
    lone.copy_from_machine("/opt/copy", "taken")
    t.assertEqual((lone.out_dir / "taken" / "copy" / "deep" / "file").read_text(), "text")
    lone.copy_from_vm("/opt/by-shell")
    t.assertTrue((driver.out_dir / "by-shell").exists())

with subtest("files that are not there are told"):
    fails(lambda: lone.copy_from_host("/no/such", "/tmp/x"), RequestedAssertionFailed, "/no/such")
    fails(lambda: lone.copy_from_machine("/no/such"), RequestedAssertionFailed, "/no/such")

with subtest("conditions are looked at before commands"):
    broken = False

    @polling_condition(interval=seconds(0), description="nothing is broken")
    def whole():
        return not broken

    with whole:
        lone.succeed("true")
        broken = True
        fails(lambda: lone.succeed("true"), PollingConditionError, "Polling condition failed: nothing is broken")

with subtest("names that are not there are told with the nearest one"):
    fails(lambda: lone.suceed("true"), AttributeError, "machine lone has no 'suceed'; did you mean 'succeed'?")
