"""The commands of `witness`. What a command needs is imported when it runs, not before."""
