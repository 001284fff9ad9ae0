"""``report.html``: the model as a page to look at.

``blocks`` groups layers, ``memory`` describes the buffers over time, ``data`` puts all that the page shows into one
JSON object, and ``page`` writes it into the page and reads it back. Layout and drawing are in ``templates/report``.
"""
