"""Tests of the delivery contract from outside.

One run::

    client ─┐                           ┌─ server ─┐
    client ─┼─ proxy (injects faults) ──┤          ├─ database
    client ─┘                           └─ server ─┘

``client`` is a client that follows the contract. Twenty of them talk through ``proxy``, which injects network
faults, to the servers that ``deployment`` starts and ``faults`` kills. All requests, answers and events go
into a ``history``; ``check`` is the contract and judges the history. ``run`` connects the parts and
``figures`` counts what happened in a run.

None of this imports the server or the protocol: an error there must not be repeated here. The check itself is
tested with hand-written histories (``scenario``) and with real servers that contain a fault
(``planted_faults``).
"""
