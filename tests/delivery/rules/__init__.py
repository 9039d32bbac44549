"""The rules of the contract: stored messages, received messages, membership, and recovery.

Each rule takes the history index and yields a description of every violation. A rule accepts everything that
a network may do: a request whose answer was lost may take effect late, even after its sender has reconnected,
so nothing is concluded from unanswered requests.
"""
