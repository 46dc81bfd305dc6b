"""The certificate of an export whose stream is turned (constructions/exports/disguise.py)."""
