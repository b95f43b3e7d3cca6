"""The page in a real browser: it complains of nothing, shows the JSON's cells, and is readable in light, dark, on a
phone, on paper and without colour. REPORT= names the JSON of a real run; without it a large sample is shown.

Screenshots for a person to look at are written to build/page.
"""
from __future__ import annotations

import json
import os
from pathlib import Path

import browser
import pytest
import sample
from ansible.module_utils.fairlead.verify import page

pytestmark = pytest.mark.skipif(not browser.program(), reason="needs Debian's package chromium")
OUT = Path(__file__).parents[2] / "build" / "page"
LOOKS = {"light": {}, "dark": {"dark": True}, "narrow": {"width": 390}, "paper": {"width": 1000, "media": "print"}}
# What stands in each square: its id, sign, verdict, and how it is painted.
SQUARES = """[...document.querySelectorAll('td[data-id]')].map(e => [e.dataset.id, e.textContent, e.className,
    getComputedStyle(e).backgroundColor + getComputedStyle(e).backgroundImage, getComputedStyle(e).color])"""
CONTRAST = """(() => { const luminance = colour => colour.match(/[0-9.]+/g).slice(0, 3).map(Number).map(
        part => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
    const behind = e => { for (; e; e = e.parentElement) {
        const style = getComputedStyle(e), plain = style.backgroundColor;
        const found = (style.backgroundImage.match(/rgba?\\([^)]*\\)/g) || [])
            .concat(plain == 'rgba(0, 0, 0, 0)' ? [] : [plain]);
        if (found.length) return found; } return ['rgb(255, 255, 255)']; };
    return Math.min(...[...document.querySelectorAll('h1, h2, h3, p, th, td, li, b, code, small, span, i')].filter(
        e => e.textContent.trim() && e.getClientRects().length).flatMap(e => behind(e).map(colour => { const [a, b] =
        [luminance(colour), luminance(getComputedStyle(e).color)].sort((x, y) => y - x);
        return (a + 0.05) / (b + 0.05); })));
})()"""


@pytest.fixture(scope="module")
def chromium():
    with browser.Browser() as running:
        yield running


@pytest.fixture(scope="module")
def report():
    return json.loads(Path(os.environ["REPORT"]).read_text(encoding="utf-8")) if os.environ.get("REPORT") \
        else sample.report()


@pytest.fixture(scope="module")
def file(report):
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "verify.html").write_text(page.render(report), encoding="utf-8")
    return OUT / "verify.html"


@pytest.mark.parametrize("look", LOOKS)
def test_look(chromium, report, file, look):
    seconds = chromium.open(file, **LOOKS[look])
    chromium.screenshot(OUT / f"{look}.png")
    print(f"{look}: on the screen after {seconds:.2f} s, {file.stat().st_size} bytes")
    assert chromium.complaints() == []
    assert [url for url in chromium.fetched() if not url.startswith(("chrome:", "file:"))] == []
    squares = chromium.evaluate(SQUARES)
    assert [square[:3] for square in sorted(squares)] == sorted(
        [cell["id"], page.SIGNS[cell["verdict"]], cell["verdict"]] for cell in report["cells"])
    paints = {verdict: {tuple(square[3:]) for square in squares if square[2] == verdict}
              for verdict in {square[2] for square in squares}}
    assert all(len(found) == 1 for found in paints.values()), paints
    assert len(set.union(*paints.values())) == len(paints), "two verdicts are painted the same"
    assert chromium.evaluate(CONTRAST) >= 4.5, "WCAG AA"
    if look in ("light", "dark", "narrow"):
        wide, window = chromium.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= window, "the page itself has to be scrolled sideways"


def test_a_complaint_would_be_seen(chromium, file, tmp_path):
    broken = tmp_path / "broken.html"
    broken.write_text(file.read_text(encoding="utf-8").replace(
        "</body>", '<script>1</script><img src="http://127.0.0.1:9/x.png"></body>'), encoding="utf-8")
    chromium.open(broken)
    assert any("Content Security Policy" in complaint for complaint in chromium.complaints())


def test_a_proof_that_went_well(chromium, tmp_path):
    well = tmp_path / "well.html"
    well.write_text(page.render(sample.report(faults=False, services=sample.targets()[:4])), encoding="utf-8")
    chromium.open(well)
    chromium.screenshot(OUT / "proven.png")
    assert chromium.evaluate("document.querySelector('h1').textContent") == "✓ proven"
    assert chromium.evaluate("document.querySelectorAll('.disproven').length") == 1, "only the legend's"


@pytest.mark.parametrize("look", LOOKS)
def test_a_sample(chromium, tmp_path, look):
    """What was not asked is there to be seen, looks like nothing else, and is readable."""
    some = tmp_path / "sample.html"
    some.write_text(page.render(sample.report(faults=False, services=sample.targets()[:8], quick=60)), encoding="utf-8")
    chromium.open(some, **LOOKS[look])
    chromium.screenshot(OUT / f"sample-{look}.png")
    assert chromium.complaints() == []
    assert chromium.evaluate("document.querySelector('h1').textContent") == "✓ proven (of a sample)"
    paints = chromium.evaluate(
        "[...document.querySelectorAll('td')].filter(e => e.className).map(e => [e.className, e.textContent[0], "
        "getComputedStyle(e).backgroundColor + getComputedStyle(e).borderTopStyle])")
    full = {tuple(paint[1:]) for paint in paints if paint[0] == "proven"}
    part = {tuple(paint[1:]) for paint in paints if paint[0] == "proven part"}
    unasked = {tuple(paint[1:]) for paint in paints if paint[0] == "unasked"}
    assert full and part and unasked
    assert {sign for sign, _ in unasked} == {"○"}
    assert not {paint for _, paint in full} & {paint for _, paint in part}
    assert chromium.evaluate(CONTRAST) >= 4.5, "WCAG AA"
    if look in ("light", "dark", "narrow"):
        wide, window = chromium.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= window


def test_two_hundred_services_fit(chromium, tmp_path):
    many = tmp_path / "many.html"
    ports = [sample.target(number, f"web{number}", node_port=30000 + number) for number in range(1, 201)]
    report = sample.report(services=ports)
    many.write_text(page.render(report), encoding="utf-8")
    seconds = chromium.open(many)
    print(f"{len(report['cells'])} cells: {many.stat().st_size} bytes, on the screen after {seconds:.2f} s")
    assert many.stat().st_size <= 2_000_000
    assert chromium.complaints() == []
