"""Pictures, speech, transcription and reranking, with answers in the forms that servers have."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from pathlib import Path

import pytest
from playwright.async_api import Page, Request, expect
from tests.browser.conftest import Visitor
from tests.browser.playground.acting import choose, form
from tests.browser.playground.studio import picture, sound

pytestmark = pytest.mark.asyncio(loop_scope="session")

PICTURE = {"name": "bay.png", "mimeType": "image/png", "buffer": b""}
SOUND = {"name": "talk.wav", "mimeType": "audio/wav", "buffer": sound()}


async def tab(stage: Visitor, name: str) -> Page:
    """Open a tab, with the model that can do everything."""
    page = await stage.open(f"#/playground?tab={name}")
    await expect(form(page).get_by_role("button", name=re.compile("^Model: ."))).to_be_visible()
    await choose(page, "studio")
    return page


def sent(page: Page, path: str) -> list[str]:
    """Collect the bodies of requests to a path."""
    bodies: list[str] = []

    def collect(request: Request) -> None:
        if path in request.url and request.post_data_buffer is not None:
            bodies.append(request.post_data_buffer.decode(errors="replace"))

    page.on("request", collect)
    return bodies


async def test_a_picture_is_made_shown_and_kept(stage: Visitor) -> None:
    page = await tab(stage, "images")
    await form(page).get_by_label("Prompt", exact=True).fill("A lighthouse")
    await form(page).get_by_label("Size").select_option("512x512")
    await form(page).get_by_label("Pictures", exact=True).fill("1")
    await form(page).get_by_role("button", name="Make a picture").click()
    await page.get_by_role("button", name="A lighthouse, open").click()
    shown = page.get_by_role("dialog").get_by_role("img")
    assert await shown.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [512, 512]
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Download").click()
    assert re.fullmatch(r"picture-.*-1\.png", (await downloading.value).suggested_filename)


async def test_a_picture_is_changed_behind_a_mask(stage: Visitor) -> None:
    page = await tab(stage, "images")
    file = {**PICTURE, "buffer": b64decode(picture(8, 8))}
    await form(page).get_by_label("Prompt", exact=True).fill("At night")
    await form(page).get_by_label("Start from a picture", exact=True).set_input_files(file)
    await form(page).get_by_label("Mask", exact=True).set_input_files({**file, "name": "m.png"})
    await form(page).get_by_role("button", name="Change the picture").click()
    made = page.get_by_role("button", name="At night, open").locator("img")
    assert await made.evaluate("image => image.naturalWidth") == 64  # as wide as with a mask


async def test_sdapi_has_settings_of_its_own_and_tells_the_seed(stage: Visitor) -> None:
    page = await tab(stage, "images")
    bodies = sent(page, "/sdapi/v1/txt2img")
    await form(page).get_by_text("SDAPI").click()
    await form(page).get_by_label("Prompt", exact=True).fill("A bay")
    await form(page).get_by_label("Negative prompt").fill("boats")
    await form(page).get_by_label("Size").select_option("512x512")
    await form(page).get_by_label("Steps").fill("4")
    await form(page).get_by_label("Pictures", exact=True).fill("2")
    await form(page).get_by_label("Sampler").select_option("euler")
    await form(page).get_by_role("button", name="Fetch LoRAs").click()
    await form(page).get_by_label("Add a LoRA").select_option(label="ink")
    await form(page).get_by_role("button", name="Make a picture").click()
    await expect(page.get_by_text("seed 7")).to_be_visible()
    await expect(page.get_by_role("button", name=re.compile("A bay [12], open"))).to_have_count(2)
    body = json.loads(bodies[0])
    assert (body["negative_prompt"], body["steps"], body["batch_size"]) == ("boats", 4, 2)
    assert (body["sampler_name"], body["lora"][0]["path"]) == ("euler", "ink.safetensors")


@pytest.mark.parametrize(("api", "words"), [("OpenAI", "safety system"), ("SDAPI", "OutOfMemory")])
async def test_why_there_is_no_picture_is_told(stage: Visitor, api: str, words: str) -> None:
    stage.expected = True  # the browser reports the status
    page = await tab(stage, "images")
    await form(page).get_by_text(api).click()
    await form(page).get_by_label("Prompt", exact=True).fill("fail")
    await page.keyboard.press("Control+Enter")
    await expect(form(page).get_by_role("alert")).to_contain_text(words)
    await form(page).get_by_role("button", name="Dismiss").click()
    await expect(form(page).get_by_role("alert")).to_have_count(0)


async def test_what_takes_long_can_be_stopped(stage: Visitor) -> None:
    page = await tab(stage, "images")
    await form(page).get_by_label("Prompt", exact=True).fill("slow")
    await page.keyboard.press("Control+Enter")
    await expect(form(page).get_by_role("button", name="Stop")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(form(page).get_by_role("button", name="Make a picture")).to_be_enabled()
    await expect(form(page).get_by_role("alert")).to_have_count(0)


async def test_a_text_is_spoken_in_a_voice_of_the_model(stage: Visitor) -> None:
    page = await tab(stage, "speech")
    bodies = sent(page, "/v1/audio/speech")
    await form(page).get_by_role("button", name="Fetch voices").click()
    await expect(form(page).get_by_label("Voice", exact=True)).to_have_value("ada")
    await form(page).get_by_label("Text", exact=True).fill("Hello")
    await form(page).get_by_label("Speed").fill("1.5")
    await form(page).get_by_role("button", name="Speak").click()
    link = page.get_by_role("link", name="Download")
    # Called after what it really is.
    await expect(link).to_have_attribute("download", re.compile(r"^ada-.*\.wav$"))
    await expect(page.locator("audio:visible")).to_have_count(1)
    body = json.loads(bodies[0])
    assert (body["input"], body["voice"], body["speed"]) == ("Hello", "ada", 1.5)


async def test_why_nothing_is_spoken_is_told(stage: Visitor) -> None:
    stage.expected = True
    page = await tab(stage, "speech")
    await form(page).get_by_label("Text", exact=True).fill("fail")
    await form(page).get_by_role("button", name="Speak").click()
    await expect(form(page).get_by_role("alert")).to_contain_text("Internal Server Error")


@pytest.mark.parametrize(
    ("result", "shown"),
    [("json", "bytes of sound"), ("verbose_json", "0:00.0–0:01.5"), ("srt", "00:00 --> 00:01")],
)
async def test_a_sound_is_transcribed(stage: Visitor, result: str, shown: str) -> None:
    page = await tab(stage, "transcription")
    await form(page).get_by_label("Sound to transcribe").set_input_files(SOUND)
    await expect(form(page).get_by_text("talk.wav")).to_be_visible()
    await form(page).get_by_label("Result").select_option(result)
    await form(page).get_by_role("button", name="Transcribe").click()
    await expect(page.get_by_role("region", name="Transcript")).to_contain_text(shown)


async def test_why_nothing_is_transcribed_is_told(stage: Visitor, tmp_path: Path) -> None:
    stage.expected = True
    page = await tab(stage, "transcription")
    text = tmp_path / "notes.txt"
    text.write_text("no sound")
    await form(page).get_by_label("Sound to transcribe").set_input_files(text)
    await expect(form(page).get_by_role("alert")).to_contain_text("notes.txt is not a sound")
    await form(page).get_by_label("Sound to transcribe").set_input_files(SOUND)
    await form(page).get_by_label("Prompt").fill("fail")
    await form(page).get_by_role("button", name="Transcribe").click()
    await expect(form(page).get_by_role("alert")).to_contain_text("Invalid file format.")


async def test_documents_are_ordered_by_what_the_model_thinks(stage: Visitor) -> None:
    page = await tab(stage, "rerank")
    await form(page).get_by_role("button", name="Use the sample").click()
    await form(page).get_by_text("JSON", exact=True).click()
    wish = {"query": "red boats", "documents": ["green hills", "red boats", "red hills"]}
    await form(page).get_by_label("Query and documents").fill(json.dumps(wish))
    await form(page).get_by_role("button", name="Rerank", exact=True).click()
    first = form(page).get_by_role("listitem").first
    await expect(first.get_by_role("textbox")).to_have_value("red boats")
    await form(page).get_by_text("Worst first").click()
    await expect(first.get_by_role("textbox")).to_have_value("green hills")
    await form(page).get_by_text("As written").click()
    await expect(form(page).get_by_role("listitem").nth(2).locator(".score")).to_be_visible()
    # A score is of what was asked, and gone when that changes.
    await form(page).get_by_label("Query").fill("hills")
    await expect(form(page).locator(".score")).to_have_count(0)


async def test_why_nothing_is_ranked_is_told(stage: Visitor) -> None:
    stage.expected = True
    page = await tab(stage, "rerank")
    await form(page).get_by_text("JSON", exact=True).click()
    await form(page).get_by_label("Query and documents").fill('{"query": 1}')
    await form(page).get_by_role("button", name="Rerank", exact=True).click()
    await expect(form(page).get_by_text('"query" has to be a text')).to_be_visible()
    wish = {"query": "fail", "documents": ["x"]}
    await form(page).get_by_label("Query and documents").fill(json.dumps(wish))
    await form(page).get_by_role("button", name="Rerank", exact=True).click()
    await expect(form(page).get_by_role("alert")).to_contain_text("no such pooling")
