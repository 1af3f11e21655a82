"""Takes the pictures of docs/web-ui.md, in both themes: `python docs/screenshots.py [page ...]`.

Starts the demo, uses its models for a while as clients would, and writes docs/images/. Paths of the
machine are replaced, and the pages Performance and Hardware show a made-up machine with two GPUs.
"""  # noqa: INP001 - a script beside the pages, no package

from __future__ import annotations

import base64
import json
import math
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Route, ViewportSize, sync_playwright

IMAGES = Path(__file__).parent / "images"
CHROMIUM = "/usr/bin/chromium"
SIZE: ViewportSize = {"width": 1200, "height": 760}
QUALITY = 70
LISTENING = re.compile(r"listening on (http://\S+)")
CARD = "NVIDIA GeForce RTX 5090"

PAGES = {
    "now": ("#/now", "Now"),
    "activity": ("#/activity", "Activity"),
    "playground": ("#/playground", "Playground"),
    "models": ("#/models", "Models"),
    "model": ("#/models/alpha?tab=statistics", "alpha"),
    "logs": ("#/logs", "Logs"),
    "performance": ("#/performance?minutes=15", "Performance"),
    "hardware": ("#/hardware", "Hardware"),
    "configuration": ("#/configuration?q=alpha", "Configuration"),
    "check": ("#/configuration?tab=check", "Configuration"),
    "first": ("", "Now"),
    "settings": ("#/settings", "Settings"),
}

BUSY = {"now", "activity", "models"}
"""Pages that are shown while clients are at work."""

QUESTION = "Who are you, and what can you do?"

MISTAKEN = """models:
  alpha:
    cmd: llama-server --port ${PORT} --model alpha.gguf
    ttl: ten minutes
  gamma:
    cmd: llama-server --port ${PORT} --model ${models}/gamma.gguf
    concurencyLimit: 4
"""


def main(wanted: list[str]) -> None:
    """Take the pictures of these pages, or of all."""
    IMAGES.mkdir(exist_ok=True)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="demo-"))
        url = stack.enter_context(running("demo", "--folder", folder))
        bare = stack.enter_context(without_models(folder))
        use(url)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name in wanted or PAGES:
            with clients(url) if name in BUSY else nullcontext():
                for theme in ("light", "dark"):
                    place = bare if name == "first" else url
                    picture = taken(browser, place, name, theme, folder)
                    (IMAGES / f"{name}-{theme}.webp").write_bytes(picture)
        browser.close()


# -- what is to be seen ----------------------------------------------------------------------------


@contextmanager
def without_models(folder: str) -> Iterator[str]:
    """Run hotbay with a configuration that says nothing; gives its address."""
    file = Path(folder) / "hotbay.yaml"
    file.touch()
    with running("--config", str(file), "--watch-config") as url:
        yield url


@contextmanager
def running(*arguments: str) -> Iterator[str]:
    """Run hotbay on a free port; gives its address."""
    command = [sys.executable, "-m", "hotbay", *arguments, "--listen", "127.0.0.1:0"]
    program = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    )
    lines: Iterable[str] = program.stdout or ()
    try:
        found = next(filter(None, map(LISTENING.search, lines)))
        # The pipe must not fill up.
        threading.Thread(target=list, args=(lines,), daemon=True).start()
        yield found[1]
    finally:
        program.terminate()
        program.wait()


def chat(model: str, tokens: int) -> dict[str, Any]:
    """Return the body of a request for a chat."""
    messages = [{"role": "user", "content": QUESTION}]
    body = {"model": model, "messages": messages, "max_tokens": tokens, "stream": True}
    return body | {"ignore_eos": True}


def post(url: str, path: str, body: dict[str, Any], session: str) -> None:
    """Make a request as a client would."""
    headers = {"Content-Type": "application/json", "X-Session-ID": session}
    headers["User-Agent"] = "openai-python/2.8.1"
    data = json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, headers)  # noqa: S310 - our own server
    urllib.request.urlopen(request).read()  # noqa: S310 - as above


def use(url: str) -> None:
    """Be several clients for a minute."""
    documents = ["Bays are calm.", "Boats lie in a bay.", "Mountains are high."]
    for turn in range(6):
        for tokens in (40, 90, 200):
            post(url, "/v1/chat/completions", chat("alpha", tokens), "review of the parser")
        post(url, "/v1/embeddings", {"model": "embed", "input": documents}, "search index")
        time.sleep(4)
        post(url, "/v1/chat/completions", chat("beta", 60 + 20 * turn), "letters")
        post(
            url,
            "/v1/rerank",
            {"model": "rerank", "query": "boats", "documents": documents},
            "search index",
        )
        time.sleep(4)


@contextmanager
def clients(url: str) -> Iterator[None]:
    """Have clients at work: three that share a model, and one that wants another."""
    over = threading.Event()

    def work(model: str, session: str) -> None:
        while not over.is_set():
            post(url, "/v1/chat/completions", chat(model, 4000), session)

    jobs = [("alpha", "review of the parser")] * 3 + [("beta", "letters")]
    threads = [threading.Thread(target=work, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def performance() -> dict[str, Any]:
    """Return the samples of a machine with two GPUs."""
    now = datetime.now(UTC)
    system, gpus = [], []
    for number in range(180):
        at = (now - timedelta(seconds=5 * (179 - number))).isoformat()
        busy = 0.5 + 0.5 * math.sin(number / 14) * math.sin(number / 5)
        counted = int(number * 2e6 + 2e7 * math.sin(number / 9))
        system.append(
            {
                "timestamp": at,
                "cpu_util_per_core": [20 + 50 * busy + 12 * math.sin(number * c) for c in range(8)],
                "mem_total_mb": 65536,
                "mem_used_mb": 21000 + 4000 * busy,
                "swap_total_mb": 8192,
                "swap_used_mb": 512,
                "load_avg_1": 1 + 5 * busy,
                "load_avg_5": 2 + 2 * busy,
                "load_avg_15": 2.5,
                "net_io": [{"name": "eth0", "bytes_recv": counted, "bytes_sent": 3 * counted}],
                "disk_io": [{"name": "nvme0n1", "bytes_read": 0, "bytes_written": 0}],
            }
        )
        for card in range(2):
            loaded = (number // 60 + card) % 2 == 0
            gpus.append(
                {
                    "timestamp": at,
                    "id": card,
                    "name": CARD,
                    "uuid": f"GPU-{card}",
                    "temp_c": 44 + 22 * busy * loaded,
                    "vram_temp_c": 0,
                    "gpu_util_pct": 92 * busy * loaded,
                    "mem_util_pct": 50,
                    "mem_used_mb": 24300 if loaded else 1200,
                    "mem_total_mb": 32607,
                    "fan_speed_pct": 30 + 30 * busy * loaded,
                    "power_draw_w": 70 + 430 * busy * loaded,
                }
            )
    return {"enabled": True, "sys_stats": system, "gpu_stats": gpus}


def hardware() -> dict[str, Any]:
    """Return what that machine is made of."""
    card = {
        "kind": "gpu",
        "vendor": "NVIDIA",
        "model": CARD,
        "architecture": "Blackwell",
        "memory": {"kind": "dedicated", "capacity_bytes": 32607 << 20},
        "driver": {"name": "nvidia", "version": "580.95"},
        "power_limit_watts": 575,
    }
    return {
        "captured_at": datetime.now(UTC).isoformat(),
        "architecture": {"name": "x86_64"},
        "operating_system": {"name": "Debian", "version": "13", "kernel": "6.12.48"},
        "environment": {"kind": "bare_metal", "name": None, "version": None},
        "cpu": {
            "vendor": "AMD",
            "model": "Ryzen 7 9700X",
            "socket_count": 1,
            "physical_core_count": 8,
            "logical_thread_count": 16,
        },
        "memory": {"capacity_bytes": 64 << 30},
        "accelerators": [card | {"index": 0}, card | {"index": 1}],
    }


# -- taking pictures -------------------------------------------------------------------------------

REPLACE = """replaced => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    for (let node; (node = walker.nextNode()); )
        for (const [from, to] of replaced)
            if (node.data.includes(from)) node.data = node.data.replaceAll(from, to)
}"""


def taken(browser: Browser, url: str, name: str, theme: str, folder: str) -> bytes:
    """Return a picture of a page."""
    place, title = PAGES[name]
    dark = theme == "dark"
    context = browser.new_context(viewport=SIZE, color_scheme="dark" if dark else "light")
    page = context.new_page()
    if name in {"now", "performance", "hardware"}:
        answer(page, "api/performance", performance())
        answer(page, "api/hardware", hardware())
    page.goto(f"{url}/ui/{place}")
    heading = page.get_by_role("heading", level=1)
    heading.filter(has_text=title).wait_for()
    page.locator("main div.loading").first.wait_for(state="detached")
    if name == "now":
        page.get_by_text("5 min", exact=True).click()
    elif name == "playground":
        ask(page)
    elif name == "check":
        page.get_by_role("textbox", name="Configuration to check").fill(MISTAKEN)
        page.get_by_text("it would be refused").wait_for()
    page.wait_for_timeout(1500)  # for what follows the first view, such as sums
    page.evaluate(REPLACE, [[folder, "~/demo"], [sys.executable, "python"], [url, "http://hotbay"]])
    session = context.new_cdp_session(page)
    shot = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    context.close()
    return base64.b64decode(shot["data"])


def answer(page: Page, path: str, body: dict[str, Any]) -> None:
    """Have a route answered as another machine would."""

    def fulfil(route: Route) -> None:
        route.fulfill(body=json.dumps(body), content_type="application/json")

    page.route(f"**/{path}*", fulfil)


def ask(page: Page) -> None:
    """Have a question answered in the Playground."""
    page.get_by_role("textbox", name="Question").fill(QUESTION)
    page.get_by_role("button", name="Send").click()
    page.get_by_role("article").and_(page.locator("[aria-busy=false]")).wait_for()


if __name__ == "__main__":
    main(sys.argv[1:])
