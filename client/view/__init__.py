"""The full screen: draws ``ClientState`` with prompt_toolkit, and turns keys into calls of the client.

``screen`` runs it, ``screen_state`` holds its parts, ``layout`` places them, and ``keys`` are the key
bindings. Functions that need no terminal turn the state into *rows*: ``history.content``,
``history.message_rows`` and most of ``panes``. ``history.history_view`` and ``draw.canvas`` show rows.
``input`` is where the user types.
"""
