"""``/save``: collects messages page by page and writes ``log.txt`` or JSON lines."""
