"""The calculus of slots: when two slots hold the same, for every n and d."""
