# Waits, console, monitors, life cycle. Each subtest is a row of the conformance suite.
import re
import threading
import time
from datetime import timedelta

seconds = lambda number: timedelta(seconds=number)


def fails(function, kind, text):
    try:
        function()
    except kind as error:
        assert text in str(error), str(error)
        return error
    raise SystemError(f"passed, but had to raise {kind.__name__}")


with subtest("all machines are started, each has a variable"):
    start_all()
    t.assertEqual([first.name, second_one.name], ["first", "second-one"])
    t.assertEqual(machines, [first, second_one])
    assert first.is_up() and first.booted and first.connected

with subtest("files, ports and sockets are waited for"):
    first.execute("sleep 0.3; touch /tmp/file", check_output=False)
    first.wait_for_file("/tmp/file")
    listen = "python3 -c 'import socket,time; s=socket.create_server((\"\",8080)); time.sleep(1.5)'"
    first.execute(f"sleep 0.3; {listen}", check_output=False)
    first.wait_for_open_port(8080)
    first.wait_for_closed_port(8080, "127.0.0.1")
    server = "import socket,time; s=socket.socket(socket.AF_UNIX, socket.%s); s.bind(\"/tmp/%s\"); %s; time.sleep(60)"
    first.execute(f"python3 -c '{server % ('SOCK_STREAM', 'stream', 's.listen()')}'", check_output=False)
    first.execute(f"python3 -c '{server % ('SOCK_DGRAM', 'datagram', '0')}'", check_output=False)
    first.wait_for_open_unix_socket("/tmp/stream")
    first.wait_for_open_unix_socket("/tmp/datagram", is_datagram=True)

with subtest("waits whose time is over tell what they saw"):
    fails(lambda: first.wait_for_file("/no", timeout=seconds(0.2)), CommandTimedOut, 'waited 0.2 s for file "/no"')
    error = fails(lambda: first.wait_for_open_port(81, timeout=0.2), CommandTimedOut, "TCP port 81 on localhost")
    t.assertIn("listening TCP sockets", error.evidence)
    fails(lambda: first.wait_for_open_unix_socket("/no", timeout=0.2), CommandTimedOut, "UNIX-domain stream")
    fails(lambda: first.wait_for_console_text("never", timeout=0.2), CommandTimedOut, "console text never")

with subtest("console text is found once, by Python's regular expressions"):
    first.succeed("echo 'step (one) 😀' >/dev/console; echo step two >/dev/console")
    t.assertEqual(first.wait_for_console_text(r"step \((?P<n>\w+)\) \U0001F600(?#comment)"), "step (one) 😀")
    t.assertEqual(first.wait_for_console_text(re.compile("STEP TWO", re.IGNORECASE)), "step two")
    fails(lambda: first.wait_for_console_text("step", timeout=seconds(0.2)), CommandTimedOut, "step")
    t.assertIn("step two", first.get_console_log())
    fails(lambda: first.wait_for_console_text("("), re.error, "unterminated")

with subtest("text on terminals is read and waited for"):
    first.succeed("printf 'on the\\nterminal' >/dev/tty2")
    first.wait_until_tty_matches("2", r"on the\s+terminal", timeout=seconds(30))
    t.assertIn("on the", first.get_tty_text("2"))
    first.dump_tty_contents("2")
    first.wait_until_succeeds("journalctl --no-pager -t tty2 -o cat | grep 'on the'", timeout=seconds(60))
    fails(lambda: first.wait_until_tty_matches(2, "never", timeout=0.3), CommandTimedOut, "never to appear on tty 2")
    fails(lambda: first.get_tty_text("no"), RequestedAssertionFailed, "the screen of ttyno can't be read")

with subtest("the console can be typed on"):
    first.execute("head -n 1 /dev/ttyS0 >/tmp/typed", check_output=False)
    time.sleep(0.3)
    first.send_console("typed text\n")
    t.assertEqual(first.wait_until_succeeds("grep . /tmp/typed", timeout=seconds(20)).strip(), "typed text")

with subtest("windows need a guest that has them"):
    fails(lambda: first.get_window_names(), RequestedAssertionFailed, "the guest has no xwininfo")
    fails(lambda: first.wait_for_window("x", timeout=0.2), RequestedAssertionFailed, "x11-utils")
    fails(lambda: first.wait_for_x(timeout=0.2), CommandTimedOut, "an X server on display :0")

with subtest("QEMU's monitors answer, and its events are waited for"):
    t.assertIn("running", first.send_monitor_command("info status"))
    t.assertEqual(first.qmp_client.send("query-status")["return"]["status"], "running")
    fails(lambda: first.qmp_client.send("no-such-command"), RequestedAssertionFailed, "no-such-command")
    first.send_monitor_command("stop")
    first.qmp_client.send("cont", {})
    t.assertEqual(first.wait_for_qmp_event(lambda event: event["event"] == "RESUME")["event"], "RESUME")
    fails(lambda: first.wait_for_qmp_event(lambda _: False, timeout=seconds(0.2)), CommandTimedOut, "an event of QEMU")
    first.send_monitor_command("stop")
    fails(lambda: first.wait_for_qmp_event(lambda _: 1 / 0), ZeroDivisionError, "division")
    first.send_monitor_command("cont")

with subtest("what only NixOS' own machines have is refused with the reason"):
    fails(first.switch_root, MachineError, "first: the guest has left its initrd")
    fails(first.ssh_backdoor_command, MachineError, "first: it has no SSH backdoor")
    for method in (first.create_efi_vars, first.read_efi_vars, first.write_efi_vars, first.dump_efi_vars):
        fails(method, MachineError, "first: its firmware keeps no EFI variables on the host")
    fails(lambda: first.block(), RequestedAssertionFailed, "in no network")
    fails(lambda: first.unblock(), RequestedAssertionFailed, "in no network")
    fails(lambda: first.shared_dir, MachineError, "exchange")

with subtest("groups, lines and the console in the report"):
    with first.nested("a group"):
        first.log("a line")
    with log.nested("another"):
        log.warning("careful")
    serial_stdout_on()
    serial_stdout_off()
    assert first.state_dir.is_dir() and first.out_dir.is_dir()

with subtest("ports of the guest are reached from the host"):
    import urllib.request

    first.execute("cd /tmp && python3 -m http.server 80", check_output=False)
    first.wait_for_open_port(80)
    port = first.forward_port(0, 80)
    assert urllib.request.urlopen(f"http://127.0.0.1:{port}/").status == 200

with subtest("a machine goes back to its checkpoint"):
    second_one.succeed("touch /root/kept")
    checkpoint = second_one.checkpoint()
    second_one.succeed("rm /root/kept")
    second_one.restore(checkpoint)
    second_one.succeed("test -e /root/kept")

with subtest("a machine is added while the test runs"):
    third = create_machine(image="debian:12", memory="512MiB", name="third")
    assert machines[-1] is third
    t.assertEqual(third.succeed("echo third"), "third\n")
    fails(lambda: create_machine(image="debian:12", name="third"), ValueError, "there is a machine third already")
    fails(lambda: create_machine(), TypeError, "create_machine() needs")
    fails(lambda: create_machine(imag="debian:12", name="x"), ValueError, "imag")

with subtest("a guest that powers off ends every wait at once, with its console"):
    waits = {
        "command": lambda: third.succeed("sleep 1000"),
        "execute": lambda: third.execute("sleep 1000", timeout=None),
        "success": lambda: third.wait_until_succeeds("false"),
        "failure": lambda: third.wait_until_fails("true"),
        "unit": lambda: third.wait_for_unit("slow.service"),
        "file": lambda: third.wait_for_file("/no"),
        "open port": lambda: third.wait_for_open_port(81),
        "closed port": lambda: third.wait_for_closed_port(82),
        "socket": lambda: third.wait_for_open_unix_socket("/no"),
        "console": lambda: third.wait_for_console_text("never"),
        "terminal": lambda: third.wait_until_tty_matches("1", "never"),
        "event": lambda: third.wait_for_qmp_event(lambda _: False),
        "X": lambda: third.wait_for_x(),
        "sleep": lambda: third.sleep(1000),
    }
    third.succeed("printf '[Service]\\nType=notify\\nExecStart=sleep 1000\\n' >/run/systemd/system/slow.service")
    third.succeed("systemctl daemon-reload; systemctl start --no-block slow.service")
    third.execute("python3 -m http.server 82", check_output=False)
    third.wait_for_open_port(82)
    ended = {}

    def wait(name):
        try:
            waits[name]()
            ended[name] = "passed"
        except Exception as error:
            ended[name] = error

    threads = [threading.Thread(target=wait, args=(name,)) for name in waits]
    for thread in threads:
        thread.start()
    time.sleep(1)
    t.assertEqual(ended, {})
    third.execute("echo last words >/dev/console; sleep 0.3; poweroff -ff", check_output=False)
    for thread in threads:
        thread.join(60)
    t.assertEqual(set(ended), set(waits))
    for name, error in ended.items():
        t.assertIsInstance(error, MachineError, name)
        t.assertIn("the guest powered itself off", str(error), name)
        t.assertIn("last words", error.evidence["console"], name)

with subtest("machines are shut down, crash, and are waited for"):
    first.shutdown()
    assert not first.is_up()
    second_one.execute("sleep 0.5; poweroff -ff", check_output=False)
    second_one.wait_for_shutdown()
    assert not second_one.booted
    fails(lambda: first.succeed("true"), MachineError, "off")
    join_all()
    first.crash()
    first.release()
