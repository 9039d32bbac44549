"""Feeds arbitrary bytes to the wire reader: it returns frames or raises ``WireError``.

``pip install atheris``, then ``python -m tests.fuzz.wire -max_total_time=600 CORPUS``. What holds:

* nothing but a ``WireError`` is ever raised, and its error can be sent;
* however the bytes are cut, the lines are the same;
* a request that was read can be written, and read again as the same.
"""

import sys

import atheris

with atheris.instrument_imports():
    from chatroom.protocol.errors import LineTooLong, WireError
    from chatroom.protocol.responses import Error
    from chatroom.protocol.wire import LineBuffer, encode_frame, read_request

LIMIT = 4096


def lines_of(pieces: list[bytes]) -> list[bytes]:
    """Return the lines in bytes that arrive in pieces; ``TOO LONG`` stands for a line that is too long."""
    lines, taken = LineBuffer(LIMIT), []
    for piece in pieces:
        lines.feed_bytes(piece)
        try:
            while (line := lines.take_line()) is not None:
                taken.append(line)
        except LineTooLong:
            return [*taken, b"TOO LONG"]
    return taken


def read(line: bytes) -> None:
    try:
        request = read_request(line)
    except WireError as error:
        encode_frame(Error(id=error.id, code=error.code, message=error.message, details=error.details))
        return
    assert read_request(encode_frame(request).rstrip(b"\n")) == request


def check_pieces(data: bytes) -> None:
    middle = len(data) // 2
    lines = lines_of([data])
    assert lines == lines_of([data[:middle], data[middle:]])
    for line in lines:
        read(line)


if __name__ == "__main__":
    atheris.Setup(sys.argv, check_pieces)
    atheris.Fuzz()
