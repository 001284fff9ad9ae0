"""A structure-aware fuzzer of everything that tf2rust reads: models, arrays, thresholds, class names.

A *front* is one kind of file: seeds that the tests build, a mutator that knows the file's structure, and the stages a
conversion takes it through. A case is a seed after a few mutations. Every case must end in a result or in a
ConversionError or UsageError whose sentences a user can read, within limits of time and memory. Anything else is a
finding. Cases are a function of front, seed number and index, so every finding can be made again.

``python -m tests.fuzz`` runs cases without end; ``test_fuzz.py`` runs some thousand and replays ``findings/``.
"""
