"""What a user may type: names, settings, files, tables; refused in one line."""
