import os

here = os.path.dirname(__file__)

machine.wait_for_unit("multi-user.target")

with subtest("alice gets a program of her own"):
    machine.succeed("useradd --create-home alice")
    machine.copy_from_host(os.path.join(here, "greet"), "/home/alice/.local/bin/greet")

with subtest("alice may run it, and root may not"):
    greeting = machine.succeed("su --login alice --command greet")
    t.assertEqual(greeting, "Hello, alice!\n")
    machine.fail("su --login root --command greet")
