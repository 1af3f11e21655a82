"""The Playground, with a model server that can do everything and the demo's tiny models."""

from __future__ import annotations

import json
import re

import pytest
from playwright.async_api import expect
from tests.browser.conftest import SIZES, Theme, Visitor, overflow, violations
from tests.browser.playground.acting import answers, ask, choose, finished, form

pytestmark = pytest.mark.asyncio(loop_scope="session")

RICH = """# Heading

Some **bold** and $E = mc^2$.

| a | b |
|---|--:|
| 1 | 2 |

```python
def add(a, b): return a + b
```

![pixel](https://evil.example/pixel.png) <img src=x onerror="document.title='hacked'">
<script>document.title = 'hacked'</script>
[run](javascript:document.title='hacked') <style>body { display: none }</style>
"""


async def test_an_answer_is_rendered_and_nothing_in_it_can_act(stage: Visitor) -> None:
    page = await stage.open("#/playground")
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url))
    await choose(page, "studio")
    await ask(page, f"!reason !tool {RICH}")
    await finished(page)
    answer = answers(page)
    await expect(answer.get_by_role("heading", name="Heading")).to_be_visible()
    await expect(answer.get_by_role("cell", name="2")).to_be_visible()
    await expect(answer.locator("math")).to_be_visible()
    await expect(answer.locator("pre .keyword").first).to_have_text("def")
    await expect(answer.locator("img, script, style")).to_have_count(0)
    await expect(answer.get_by_text("<script>")).to_be_visible()
    link = answer.get_by_role("link", name="pixel")
    await expect(link).to_have_attribute("rel", re.compile("noopener noreferrer"))
    await expect(answer.get_by_role("link", name="run")).to_have_count(0)
    await expect(answer.get_by_text("Calls the tool weather")).to_be_visible()
    await answer.get_by_text("Reasoned for").click()
    await expect(answer.get_by_text("First I think.")).to_be_visible()
    await expect(answer.get_by_text("prompt", exact=True)).to_be_visible()
    await expect(answer.get_by_text("total", exact=True)).to_be_visible()
    await expect(answer.get_by_text("ended", exact=True)).to_be_visible()
    assert await page.title() != "hacked"
    assert all(url.startswith(stage.site.url) for url in asked if not url.startswith("data:"))


async def test_what_is_heavy_is_fetched_when_it_is_needed(stage: Visitor) -> None:
    page = await stage.open("#/now")
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url))

    def fetched(name: str) -> bool:
        return any(re.search(rf"/{name}-[^/]*\.js$", url) for url in asked)

    await page.evaluate("location.hash = '#/playground'")
    await choose(page, "studio")
    assert not any(fetched(name) for name in ("Markdown", "maths", "highlight", "Images"))
    await ask(page, "Plain words")
    await finished(page)
    assert fetched("Markdown")
    assert not fetched("maths")
    assert not fetched("highlight")
    await ask(page, "$x$ and\n\n```json\n{}\n```\n")
    await expect(page.locator("math")).to_be_visible()
    await expect(page.locator("pre span").first).to_be_visible()
    assert fetched("maths")
    assert fetched("highlight")


async def test_escape_stops_and_shift_enter_begins_a_line(stage: Visitor) -> None:
    page = await stage.open("#/playground")
    await choose(page, "studio")
    field = page.get_by_role("textbox", name="Question")
    await field.fill("!slow one")
    await page.keyboard.press("Shift+Enter")
    await expect(field).to_have_value("!slow one\n")
    await page.keyboard.press("Enter")
    await expect(answers(page).get_by_text("tick tick")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_text("Stopped.")).to_be_visible()
    await expect(page.get_by_role("button", name="Send")).to_be_visible()
    await expect(page.locator("#announcements")).to_have_text("The answer is stopped")


async def test_an_answer_goes_on_while_another_page_is_shown(stage: Visitor) -> None:
    page = await stage.open("#/playground")
    await choose(page, "studio")
    await ask(page, "!slow x")
    await expect(answers(page).get_by_text("tick tick")).to_be_visible()
    await page.evaluate("location.hash = '#/models'")
    await expect(answers(page)).to_be_hidden()
    await page.evaluate("location.hash = '#/playground'")
    await expect(answers(page).get_by_text("tick tick tick tick")).to_be_visible()
    await page.get_by_role("button", name="Stop").click()
    await expect(page.get_by_text("Stopped.")).to_be_visible()


@pytest.mark.parametrize(
    ("order", "message"),
    [("!refuse", "the studio is closed"), ("!fail", "the studio burned down")],
)
async def test_an_error_is_told_where_it_arises(stage: Visitor, order: str, message: str) -> None:
    stage.expected = True  # the browser reports the status of the answer
    page = await stage.open("#/playground")
    await choose(page, "studio")
    await ask(page, f"{order} x")
    await expect(answers(page).get_by_text(message)).to_be_visible()


async def test_a_load_that_fails_is_told_with_its_reason(stage: Visitor) -> None:
    stage.expected = True
    page = await stage.open("#/playground")
    await choose(page, "broken")
    await ask(page, "Hello")
    await finished(page)
    await expect(answers(page).locator(".notice")).to_contain_text("broken")


async def test_questions_and_answers_have_versions(stage: Visitor) -> None:
    page = await stage.open("#/playground")
    await choose(page, "studio")
    await ask(page, "apples")
    await finished(page)
    await page.get_by_role("button", name="Answer again").click()
    await expect(answers(page).get_by_text("2/2")).to_be_visible()
    await finished(page)
    await page.get_by_role("button", name="Edit the question").click()
    await page.keyboard.press("Control+A")
    await page.keyboard.type("pears")
    await page.keyboard.press("Enter")
    await expect(answers(page).get_by_text("pears")).to_be_visible()
    await finished(page)
    await page.get_by_role("button", name="Earlier version").first.click()
    await expect(answers(page).get_by_text("apples")).to_be_visible()
    await page.get_by_role("button", name="Delete from here on").first.click()
    await expect(answers(page).get_by_text("pears")).to_be_visible()


async def test_what_was_deleted_comes_back(stage: Visitor) -> None:
    page = await stage.open("#/playground")
    await choose(page, "studio")
    await ask(page, "apples")
    await finished(page)
    await page.get_by_role("button", name="Delete from here on").first.click()
    await expect(answers(page)).to_have_count(0)
    await page.get_by_role("button", name="Undo").click()
    await expect(answers(page).get_by_text("apples")).to_be_visible()
    await expect(page.get_by_role("button", name="Undo")).to_have_count(0)


async def test_an_answer_that_was_left_is_kept_as_far_as_it_came(stage: Visitor) -> None:
    page = await stage.open("#/playground")
    await choose(page, "studio")
    await ask(page, "!slow x")
    await expect(answers(page).get_by_text("tick tick")).to_be_visible()
    await page.get_by_role("button", name="Conversations").click()
    await expect(page.get_by_role("dialog").get_by_text("2 messages")).to_be_visible()
    await page.reload()
    await expect(answers(page).get_by_text("Stopped.")).to_be_visible()
    await expect(page.get_by_role("button", name="Send")).to_be_visible()


async def test_conversations_are_kept_exported_and_deleted(stage: Visitor) -> None:
    page = await stage.open("#/playground")
    await choose(page, "studio")
    await ask(page, "Remember me")
    await finished(page)
    # What has just been said is there once it is in the list.
    await page.get_by_role("button", name="Conversations").click()
    await expect(page.get_by_role("dialog").get_by_text("2 messages")).to_be_visible()
    await page.reload()
    await finished(page)  # what was shown is shown again
    await page.get_by_role("button", name="New chat").click()
    await expect(answers(page)).to_have_count(0)
    await page.reload()
    await expect(page.get_by_role("textbox", name="Question")).to_be_visible()
    await expect(answers(page)).to_have_count(0)
    await page.get_by_role("button", name="Conversations").click()
    dialog = page.get_by_role("dialog")
    async with page.expect_download() as downloading:
        await dialog.get_by_role("button", name="Export all").click()
    file = await (await downloading.value).path()
    assert json.loads(file.read_text())["conversations"][0]["title"] == "Remember me"
    await dialog.get_by_role("button", name=re.compile(r"^Remember me \d")).click()
    await expect(answers(page).get_by_text("Remember me")).to_be_visible()
    await page.get_by_role("button", name="Conversations").click()
    await dialog.get_by_role("button", name="Delete all").click()
    await page.get_by_role("dialog", name="Delete all").get_by_role("button", name="Delete").click()
    await expect(answers(page)).to_have_count(0)
    await expect(dialog.get_by_text("Nothing has been said yet")).to_be_visible()
    await dialog.get_by_label("File to import").set_input_files(file)
    await expect(dialog.get_by_role("button", name=re.compile(r"^Remember me \d"))).to_be_visible()


async def test_two_models_answer_the_same_question(stage: Visitor) -> None:
    page = await stage.open("#/playground")
    await choose(page, "alpha")
    await page.get_by_role("button", name="Compare two models").click()
    await choose(page, "beta", "Second model")
    await ask(page, "Who are you?")
    for model in ("alpha", "beta"):
        column = page.get_by_role("region", name=f"Conversation with {model}")
        answer = column.get_by_role("article", name=f"Answer of {model}")
        await expect(answer).to_have_attribute("aria-busy", "false")
        await expect(answer).to_contain_text(f"I am {model}")
    # One had to make room for the other.
    await expect(page.get_by_text("load wait").first).to_be_visible()


async def test_pictures_are_pasted_and_sent(stage: Visitor) -> None:
    page = await stage.open("#/playground")
    await choose(page, "studio")
    await page.evaluate(
        """async () => {
            const canvas = new OffscreenCanvas(3000, 10);
            canvas.getContext('2d').fillRect(0, 0, 9, 9);
            const blob = await canvas.convertToBlob({ type: 'image/png' });
            const clipboardData = new DataTransfer();
            clipboardData.items.add(new File([blob], 'x.png', { type: 'image/png' }));
            document.querySelector('[aria-label=Question]')
                .dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }));
        }"""
    )
    await expect(page.get_by_alt_text("Attached picture 1")).to_be_visible()
    await ask(page, "what is it")
    await expect(answers(page).get_by_text("(picture) what is it")).to_be_visible()
    width = await page.locator("main li img").evaluate("image => image.naturalWidth")
    assert width == 1568


async def test_the_end_is_followed_until_the_reader_goes_up(stage: Visitor) -> None:
    page = await stage.open("#/playground")
    await choose(page, "studio")
    formulas = "\n\n".join(rf"$$\sum_{{i={number}}}^n \frac1i$$" for number in range(40))
    await ask(page, f"{formulas}\n\nThe very end.")
    await finished(page)
    # What draws formulas is fetched now, and they become higher one after the other.
    await expect(answers(page).locator("math")).to_have_count(40)
    await expect(answers(page).get_by_text("total", exact=True)).to_be_in_viewport()
    to_the_end = page.get_by_role("button", name="To the end")
    await expect(to_the_end).to_have_count(0)
    await page.mouse.move(700, 400)
    await page.mouse.wheel(0, -500)
    await to_the_end.click()
    await expect(answers(page).get_by_text("total", exact=True)).to_be_in_viewport()
    await expect(to_the_end).to_have_count(0)


async def test_files_are_dropped_anywhere(stage: Visitor) -> None:
    page = await stage.open("#/playground")
    await choose(page, "studio")
    await page.get_by_role("region", name="Conversation").evaluate(
        """area => {
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File(['one\\ntwo'], 'notes.txt', { type: 'text/plain' }));
            for (const kind of ['dragover', 'drop'])
                area.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true }));
        }"""
    )
    field = page.get_by_role("textbox", name="Question")
    await expect(field).to_have_value(re.compile("notes.txt:\\s+```txt\\s+one\\s+two"))


async def test_json_and_the_arguments_of_tools_can_be_read(stage: Visitor) -> None:
    page = await stage.open("#/playground")
    await choose(page, "studio")
    await ask(page, '!tool {"name": "Ada", "born": 1815}')
    await finished(page)
    code = answers(page).locator("pre code")
    await expect(code).to_have_text(re.compile(r'"name": "Ada",\s+"born": 1815'))
    await answers(page).get_by_text("Calls the tool weather").click()
    await expect(answers(page).get_by_text('"place": "Oslo"')).to_be_visible()


async def test_a_long_question_takes_little_room(stage: Visitor) -> None:
    page = await stage.open("#/playground")
    await choose(page, "studio")
    await ask(page, "\n".join(f"line {number}" for number in range(60)))
    await finished(page)
    question = page.get_by_role("region", name="Conversation").get_by_role("listitem").first
    height = "element => element.getBoundingClientRect().height"
    assert await question.evaluate(height) < 400
    await question.get_by_role("button", name="Show all of it").click()
    assert await question.evaluate(height) > 900


async def test_nothing_moves_while_an_answer_streams(stage: Visitor) -> None:
    page = await stage.open("#/playground")
    await choose(page, "studio")
    await page.evaluate(
        """() => {
            window.shifts = 0;
            new PerformanceObserver(list => {
                for (const entry of list.getEntries())
                    if (!entry.hadRecentInput) window.shifts += entry.value;
            }).observe({ type: 'layout-shift', buffered: false });
        }"""
    )
    text = "\n\n".join(f"Paragraph {number} with **bold** words." for number in range(200))
    await ask(page, text)
    await finished(page)
    await expect(answers(page).get_by_text("Paragraph 199")).to_be_in_viewport()
    assert await page.evaluate("window.shifts") < 0.1


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
async def test_no_tab_has_a_barrier_or_is_wider_than_the_screen(
    stage: Visitor, size: str, theme: Theme
) -> None:
    page = await stage.open("#/playground", size=size, theme=theme)
    await choose(page, "studio")
    await ask(page, f"!reason !tool !cut {RICH}")
    await finished(page)
    await expect(page.locator("math")).to_be_visible()
    await expect(page.locator("pre .keyword").first).to_be_visible()
    found = {"chat": await violations(page)}
    for tab in ("Images", "Speech", "Transcription", "Rerank", "Load test"):
        await page.get_by_role("tab", name=tab).click()
        await expect(form(page)).to_be_visible()
        found[tab] = await violations(page)
        if by := await overflow(page):
            found[tab].append(f"{by} pixels too wide")
    await page.get_by_role("tab", name="Chat").click()
    for button in ("Conversations", "Settings"):
        await page.get_by_role("button", name=button, exact=True).click()
        await expect(page.get_by_role("dialog").locator(".loading")).to_have_count(0)
        found[button] = await violations(page)
        await page.keyboard.press("Escape")
    assert {place: problems for place, problems in found.items() if problems} == {}
