"""The program that the driver starts. Its own folder is where `nix_vm_test` is found."""

import sys

if sys.version_info < (3, 9):
    sys.exit("python %d.%d is too old" % sys.version_info[:2])

from nix_vm_test.main import main

main()
