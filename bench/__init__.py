"""This project's crates side by side with other engines: ``python -m bench``, or ``make bench``."""
