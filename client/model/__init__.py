"""What the client knows, as plain data. No asyncio, no sockets, no terminal, no words of a language.

``state`` is the data, ``apply`` the only place that changes it, ``select`` what is derived from it.
"""
