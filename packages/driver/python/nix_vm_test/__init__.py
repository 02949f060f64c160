"""The Python side of a test: what a script sees, forwarded to the driver over a socket.

Nothing here operates a machine. Every operation has its one implementation in the driver; these classes give it NixOS' names.
"""
