"""``report.html``: the model as a page to look at.

``blocks`` groups layers, ``graph`` describes them, and ``memory`` describes the buffers over time. ``data`` puts all
that the page of a conversion shows into one JSON object, ``unconverted`` does it for a model without its crate, and
``page`` writes the object into the page and reads it back. Layout and drawing are in ``templates/report``.
"""
