"""The delivery contract, proven from outside.

One run::

    client ─┐                       ┌─ server ─┐
    client ─┼─ proxy (it spoils) ───┤          ├─ database
    client ─┘                       └─ server ─┘

``client`` models a client that keeps its side of the contract; twenty of them talk through ``proxy``, which
spoils connections, to what ``deployment`` starts and ``faults`` breaks. All that they asked, were answered
and received goes into a ``history``; ``check`` is the contract, and judges it. ``run`` puts the pieces
together and ``figures`` counts what a run has been through.

Nothing here imports the server or the protocol: a mistake of theirs must not be mirrored. ``fake`` is a
server in memory that keeps the contract, or breaks it in one way that it is told, and ``planted`` does the
same to the real one: so the checker is checked.
"""
