"""A server whose system clock is wrong: ``python -m tests.support.shifted_clock SECONDS …`` is
``chat-server …`` on a machine whose clock is ahead by so many seconds.
"""

import sys
import time

import chatroom.server.__main__


def main() -> None:
    shift = float(sys.argv.pop(1))
    right, right_ns = time.time, time.time_ns
    time.time = lambda: right() + shift
    time.time_ns = lambda: right_ns() + round(shift * 1e9)
    chatroom.server.__main__.main()


if __name__ == "__main__":
    main()
