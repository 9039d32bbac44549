"""Drawing: screen cells, the width of text, and colours."""
