"""The rules of the contract: what is stored, what was shown, whose it is, and how all recovers.

Each takes the ledger and yields a story for every way in which it is broken. A rule never blames what a
network may legally do: a request whose answer was lost may take effect late, even after its sender has gone
on through another connection, so nothing is concluded from requests that stayed unanswered.
"""
