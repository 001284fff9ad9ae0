"""``python -m tf2rust``."""

from tf2rust.cli import main

main()
