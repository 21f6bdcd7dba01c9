"""The page in a real headless browser: light and dark, wide and narrow, no console error, and no script of an answer's.

Needs Playwright (in the requirements) and a Chromium or Chrome of the system; skipped where there is none.
"""

from __future__ import annotations

import functools
import os
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.log import read_eval_log, write_eval_log

from analysis.report import write_report

BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
SCRIPTED = Path(__file__).parents[1] / "data" / "logs" / "scripted"
HOSTILE = (
    "<script>window.owned = 1</script>",
    "<img src=x onerror='window.owned = 1'>",
    "</blockquote></article><svg onload='window.owned = 1'>",
    "<iframe srcdoc='<script>parent.owned = 1</script>'></iframe>",
    "<a href='javascript:window.owned = 1'>click</a>",
    "<style>body { display: none }</style>",
    "<meta http-equiv='refresh' content='0;url=https://example.org'>",
    "{{ 7 * 7 }}{% raw %}",
    '" onmouseover="window.owned = 1" x="',
    "]]><![CDATA[<body onload='window.owned = 1'>",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="Playwright isn't installed")
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser of the system: none of {', '.join(BROWSERS)} is on the PATH")
    # Chromium's sandbox needs a user of its own; in a container tests often run as root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=arguments)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report, every answer of which is hostile, with the log viewer beside it."""
    logs, out = tmp_path_factory.mktemp("logs"), tmp_path_factory.mktemp("report")
    number = 0
    for name in ("adapter", "base"):
        log = read_eval_log(str(SCRIPTED / f"{name}.eval"))
        for sample in log.samples or []:
            sample.output.choices[0].message.content = f"answer {number}: {HOSTILE[number % len(HOSTILE)]}"
            sample.input = f"question {number}: {HOSTILE[(number + 3) % len(HOSTILE)]}"
            number += 1
        write_eval_log(log, str(logs / f"{name}.eval"))
    assert number == 96
    notes = {"adapter": HOSTILE[0]}
    prompts = {"user": {"text": HOSTILE[1], "warning": HOSTILE[2]}}
    run = {HOSTILE[3]: HOSTILE[4]}
    write_report(
        [logs],
        out,
        title=f"Title {HOSTILE[0]}",
        base="base",
        notes=notes,
        prompts=prompts,
        run=run,
        bundle=True,
    )
    return out


def opened(browser: Any, address: str, **settings: Any) -> tuple[Any, list[str]]:
    page = browser.new_context(**settings).new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: told.append(f"error: {error}"))
    page.on("dialog", lambda dialog: told.append(f"dialog: {dialog.message}"))
    page.on(
        "request",
        lambda request: told.append(f"request: {request.url}") if "http" in request.url[:4] else None,
    )
    page.goto(address, wait_until="networkidle")
    return page, told


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_opens_without_a_word_on_the_console(
    browser: Any, report: Path, scheme: str, width: int
) -> None:
    size = {"width": width, "height": 900}
    page, told = opened(browser, (report / "index.html").as_uri(), color_scheme=scheme, viewport=size)
    assert told == [], "no console line, no dialog, nothing loaded over the network"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out sideways"
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    dark = sum(int(part) for part in paper.strip("rgb()").split(",")) < 3 * 128
    assert dark == (scheme == "dark")
    drawn = page.evaluate("[...document.images].map(i => [i.complete && i.naturalWidth, i.currentSrc])")
    assert len(drawn) == 5 and all(size for size, _ in drawn)
    other, _ = opened(
        browser, (report / "index.html").as_uri(), color_scheme="dark" if scheme == "light" else "light"
    )
    others = other.evaluate("[...document.images].map(i => i.currentSrc)")
    assert all(one != two for (_, one), two in zip(drawn, others, strict=True)), (
        "plots of their own for the dark"
    )
    heading = page.locator("h1")
    assert heading.is_visible() and "Title <script>" in heading.inner_text()


def test_hostile_answers_run_no_script(browser: Any, report: Path) -> None:
    page, told = opened(browser, (report / "index.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    shown = page.locator("blockquote")
    assert shown.count() >= 20
    for answer in HOSTILE:
        assert page.get_by_text(answer.split("\n")[0], exact=False).count() > 0, answer
    for one in page.locator("blockquote:visible").all()[:10]:
        one.hover()
        one.click()
    assert page.evaluate("window.owned") is None and told == []
    assert page.evaluate("document.querySelectorAll('script, iframe, object, embed, form').length") == 0
    assert (
        page.evaluate(
            "[...document.querySelectorAll('*')].filter(e => [...e.attributes].some(a => /^on/.test(a.name))).length"
        )
        == 0
    )


def test_a_samples_link_opens_it_in_the_log_viewer(browser: Any, report: Path) -> None:
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(report))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            address = f"http://127.0.0.1:{server.server_port}/index.html"
            page, _ = opened(browser, address)
            page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            link = page.locator(".answer a").first
            asked = page.locator(".answer > p").first.inner_text().split(":")[0]
            link.click()
            page.get_by_text(f"{asked}:").first.wait_for(timeout=30_000)
        finally:
            server.shutdown()
