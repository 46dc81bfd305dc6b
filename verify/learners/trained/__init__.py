"""Small learners that were trained here."""
