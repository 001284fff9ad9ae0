"""Times generated crates beside other engines: ``python -m bench`` or ``make bench``."""
