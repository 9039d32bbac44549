"""Drawing: cells, the width of text, and colours."""
