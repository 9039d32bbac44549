"""The client's state as plain data, without asyncio, sockets, terminal or texts of a language.

``state`` defines the data, ``apply`` alone changes it, ``select`` derives values from it.
"""
