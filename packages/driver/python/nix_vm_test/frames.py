"""Frames of the bridge: lengths of header and payload (two 32-bit big-endian numbers), a JSON header, bytes."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any, Dict, List, Sequence, Tuple

_LENGTHS = struct.Struct(">II")


def _read_exactly(connection: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        count = connection.recv_into(view)
        if count == 0:
            raise EOFError
        view = view[count:]
    return data


def read_frame(connection: socket.socket) -> Tuple[Dict[str, Any], List[bytes]]:
    """The next frame: its header and the byte strings that came with it. Raises EOFError when the driver closed the socket."""
    header_size, payload_size = _LENGTHS.unpack(_read_exactly(connection, _LENGTHS.size))
    header = json.loads(_read_exactly(connection, header_size))
    payload = memoryview(_read_exactly(connection, payload_size))
    parts = []
    for size in header.get("parts", ()):
        parts.append(bytes(payload[:size]))
        payload = payload[size:]
    return header, parts


def write_frame(connection: socket.socket, header: Dict[str, Any], parts: Sequence[bytes] = ()) -> None:
    """Writes one frame; callers take turns."""
    if parts:
        header = {**header, "parts": [len(part) for part in parts]}
    encoded = json.dumps(header).encode()
    connection.sendall(_LENGTHS.pack(len(encoded), sum(map(len, parts))) + encoded)
    for part in parts:
        connection.sendall(part)
