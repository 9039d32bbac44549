"""HTTP for machines: ``/healthz``, ``/readyz`` and ``/metrics``. ``app`` imports ``start`` and
``sources``; the other modules need the extra ``http``.
"""
