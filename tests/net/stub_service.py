#!/usr/bin/python3
"""A service with one behaviour, good or bad: `stub_service.py BEHAVIOUR [AMOUNT]`.

It is a process of its own because some tests stop it with SIGSTOP. It listens on a free port of
127.0.0.1, prints "port N", and for each session that ended one line of JSON with what it received.

echo          answers what it is sent
tenfold       answers each byte ten times
garbage       answers as many bytes as it is sent, others
silent        reads, answers nothing
slow          reads 4 KiB every 20 ms, answers it
closes        closes after AMOUNT bytes
resets        resets after AMOUNT bytes
flips         echoes with the byte at AMOUNT changed
"""

import asyncio
import hashlib
import json
import socket
import struct
import sys

BLOCK = 65536
GARBAGE = bytes(byte ^ 0xA5 for byte in range(256))


def answer_to(behaviour, amount, block, offset):
    """What is answered to `block`, which is at `offset` of its session."""
    if behaviour in ("echo", "slow"):
        return block
    if behaviour == "tenfold":
        return block * 10
    if behaviour == "garbage":
        return block.translate(GARBAGE)
    if behaviour == "flips" and offset <= amount < offset + len(block):
        changed = bytearray(block)
        changed[amount - offset] ^= 0xFF
        return bytes(changed)
    return block if behaviour == "flips" else b""


async def serve(behaviour, amount, reader, writer):
    received, digest, ended = 0, hashlib.sha256(), "fin"
    try:
        while block := await reader.read(4096 if behaviour == "slow" else BLOCK):
            digest.update(block)
            if answer := answer_to(behaviour, amount, block, received):
                writer.write(answer)
                await writer.drain()
            received += len(block)
            if behaviour == "slow":
                await asyncio.sleep(0.02)
            if behaviour in ("closes", "resets") and received >= amount:
                ended = behaviour
                break
    except OSError as error:
        ended = type(error).__name__
    if ended == "resets":
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                                   struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()
    print(json.dumps({"bytes": received, "sha256": digest.hexdigest(), "ended": ended}),
          flush=True)


async def main():
    behaviour = sys.argv[1]
    amount = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    server = await asyncio.start_server(
        lambda reader, writer: serve(behaviour, amount, reader, writer), "127.0.0.1", 0,
        backlog=512, limit=4096 if behaviour == "slow" else BLOCK)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
