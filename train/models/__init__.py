"""Graph builders; nothing here reads files."""
