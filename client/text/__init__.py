"""Words and text: translations, messages as text, dates, emoji names and key names."""
