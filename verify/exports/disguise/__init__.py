"""The certificate of an export whose residual stream is turned (constructions/exports/disguise.py)."""
