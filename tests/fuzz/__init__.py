"""A structure-aware fuzzer for everything that tf2rust reads: models, arrays, thresholds, class names.

A *front* is one kind of file: seeds that the tests build, a mutator that knows the file's structure, and the stages of
a conversion that read it. A case is a seed after a few mutations. Every case must end, within limits of time and
memory, in a result or in a ConversionError or UsageError whose sentences a user can read. Everything else is a finding.

A case depends only on the front, the seed number and the index, so every finding can be reproduced. ``python -m
tests.fuzz`` runs cases without end; ``test_fuzz.py`` runs a few thousand and replays ``findings/``.
"""
