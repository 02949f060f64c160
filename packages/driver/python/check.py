"""The program that checks a script: what to check comes on stdin, what was found leaves on stdout, both as JSON."""

import sys

if sys.version_info < (3, 9):
    sys.exit("python %d.%d is too old" % sys.version_info[:2])

from nix_vm_test.checking import main

main()
