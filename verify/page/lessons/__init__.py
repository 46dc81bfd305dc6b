"""What the pages teach, one lesson per construction."""
