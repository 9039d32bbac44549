"""The delivery contract, proven from outside.

One run::

    client ─┐                       ┌─ server ─┐
    client ─┼─ proxy (it spoils) ───┤          ├─ database
    client ─┘                       └─ server ─┘

``client`` models a client that keeps its side of the contract; twenty of them talk through ``proxy``, which
spoils connections, to what ``deployment`` starts and ``faults`` breaks. All that they asked, were answered
and received goes into a ``history``; ``check`` is the contract, and judges it. ``run`` puts the pieces
together and ``figures`` counts what a run has been through.

None of that imports the server or the protocol: a mistake of theirs must not be mirrored. The check itself is
checked by stories written by hand (``scene``), and by a real server with a fault in it (``planted``).
"""
