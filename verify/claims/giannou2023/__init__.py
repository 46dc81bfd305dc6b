"""The statements of giannou2023."""
