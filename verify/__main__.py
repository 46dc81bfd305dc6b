"""`python -m verify` is the command `witness`."""

from icl_witness import main

if __name__ == "__main__":  # worker processes import this module too
    raise SystemExit(main())
