"""Reports: what was found, as text, Markdown and JSON."""
