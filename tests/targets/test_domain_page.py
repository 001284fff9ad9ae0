"""The page of examples/domain_page in Chromium: it shows the scores of the crate while the user types."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from demo.__main__ import DOMAINS
from demo.models import encode_domains
from tests.crates import ROOT
from tests.targets.browser import Browser, served
from tests.targets.conftest import Product, npm_package

pytestmark = [
    pytest.mark.targets,
    pytest.mark.skipif(shutil.which("npm") is None, reason="needs Node.js"),
]

FOLDER = ROOT / "examples" / "domain_page"
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
LONGEST = f"{'a-rather-long.label.' * 4}eu"
SCORE = "return document.getElementById('score').value"


@pytest.fixture
def page(domains: Product, browser: Browser) -> Iterator[Browser]:
    npm_package(domains)
    with served(FOLDER) as address:
        browser.go(f"{address}/page.html")
        browser.wait("return document.getElementById('speed').textContent")
        yield browser
        assert browser.messages() == []


def test_scores_follow_the_typing(domains: Product, page: Browser) -> None:
    (expected,) = domains.predict({"domain_input": encode_domains(DOMAINS)}).values()
    found = []
    for domain in DOMAINS:
        page.run("document.getElementById('domain').value = ''")
        for end in (3, len(domain)):
            page.type("#domain", domain[0 if end == 3 else 3 : end])
            assert page.run("return document.querySelectorAll('#prefixes li').length") == end
        found.append(page.run(SCORE))
        generated = page.run("return document.getElementById('result').classList.contains('generated')")
        assert generated == (found[-1] >= 0.5)
    # WebAssembly has no fused multiply-add, so the last digits differ.
    np.testing.assert_allclose(found, expected[:, 0], rtol=0, atol=1e-5)


def test_examples_and_an_empty_domain(page: Browser) -> None:
    before = page.run(SCORE)
    page.click("#examples button:last-child")
    assert page.run(SCORE) != before
    page.run("const d = document.getElementById('domain'); d.value = ''; d.dispatchEvent(new Event('input'))")
    assert page.run("return document.getElementById('result').hidden")
    assert page.run("return document.querySelectorAll('#prefixes li').length") == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_it_fits(page: Browser, tmp_path: Path, size: str, theme: str) -> None:
    """Screenshots stay."""
    page.resize(*SIZES[size])
    page.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
    for name, domain in (("people", DOMAINS[2]), ("malware", DOMAINS[5]), ("longest", LONGEST)):
        page.run("document.getElementById('domain').value = ''")
        page.type("#domain", domain)
        assert page.run("return document.documentElement.scrollWidth <= innerWidth")
        assert page.picture(tmp_path / f"{name}_{size}_{theme}.png").stat().st_size > 5000
