// A clinician's way without a mouse: log in, search, a picture, two compared. Wherever the focus is, it can be seen: not by what the style says alone, but by
// what the window shows.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { shots } from "./judge.mjs";
import { KWAME, Stage, ZOE } from "./stage.mjs";
import { PASSWORD, sit, unblemished } from "./staff.mjs";
import { decoded, zoomed } from "./viewer.mjs";

/** Pixels that change with a contrast of 3:1 or more (WCAG 2.2, 2.4.13) when the focus is shown: fewer are no outline around anything. */
const SEEN = 120;

let stage, page, bench;

before(async () => {
  stage = await Stage.open();
  await stage.clinic.phone("phone", "Room 3", "carla");
  await stage.clinic.sends("phone", ZOE, ...await stage.photographs(3));
  await stage.clinic.sends("phone", KWAME, stage.clinic.at("0.jpg"));
  await stage.waits(stage.carla, KWAME, 1);
  await stage.waits(stage.carla, ZOE, 3);
  page = await sit(stage.browser, stage.clinic);
  // Where pictures of the window are compared: a page of nobody's.
  bench = await (await stage.browser.newContext()).newPage();
});

after(() => stage?.close());

/** How many pixels say where the focus is: the window as it is against the window without the outline. */
const outlined = async () => {
  const clip = await page.evaluate(() => {
    const { left, top, right, bottom } = document.activeElement.getBoundingClientRect();
    const [x, y] = [Math.max(0, left - 8), Math.max(0, top - 8)];
    return { x, y, width: Math.min(innerWidth, right + 8) - x, height: Math.min(innerHeight, bottom + 8) - y };
  });
  if (clip.width <= 0 || clip.height <= 0) return 0;
  const shown = await page.screenshot({ clip, animations: "disabled" });
  await page.evaluate(() => { document.activeElement.style.outlineColor = "transparent"; });
  const bare = await page.screenshot({ clip, animations: "disabled" });
  await page.evaluate(() => { document.activeElement.style.outlineColor = ""; });
  return bench.evaluate(async (files) => {
    const [one, other] = await Promise.all(files.map(async (file) => {
      const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0))], { type: "image/png" }));
      const pen = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
      pen.drawImage(bitmap, 0, 0);
      return pen.getImageData(0, 0, bitmap.width, bitmap.height).data;
    }));
    const linear = (part) => (part <= 10.31475 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4);
    const light = (of, at) => 0.2126 * linear(of[at]) + 0.7152 * linear(of[at + 1]) + 0.0722 * linear(of[at + 2]) + 0.05;
    let seen = 0;
    for (let at = 0; at < one.length; at += 4) {
      const [a, b] = [light(one, at), light(other, at)];
      if (Math.max(a, b) / Math.min(a, b) >= 3) seen++;
    }
    return seen;
  }, [shown, bare].map((file) => file.toString("base64")));
};

/** Presses `key` until this has the focus; every stop on the way can be seen. */
const goesTo = async (wanted, key = "Tab") => {
  const stops = [];
  for (let n = 0; n < 60; n++) {
    await page.keyboard.press(key);
    const stop = await page.evaluate((selector) => {
      const { activeElement: focused } = document;
      return { name: focused.outerHTML.slice(0, 90), body: focused === document.body, there: focused.matches(selector) };
    }, wanted);
    stops.push(stop.name);
    if (!stop.body) {
      const seen = await outlined();
      assert.ok(seen >= SEEN, `${seen} pixels show the focus on ${stop.name}`);
    }
    if (stop.there) return;
  }
  assert.fail(`${wanted} is not reached: ${JSON.stringify(stops)}`);
};

test("from_log_in_to_two_pictures_compared_without_a_mouse", async () => {
  await page.goto("/login");
  await page.keyboard.type("carla");
  await goesTo("#password");
  await page.keyboard.type(PASSWORD);
  await goesTo("#code");
  await page.keyboard.type(stage.kept.carla.codes.pop());
  await page.screenshot({ path: join(shots, "keyboard-login.png"), animations: "disabled" });
  await page.keyboard.press("Enter");
  await page.waitForURL("**/patients");

  await page.keyboard.type("zoë");
  await page.waitForFunction(() => document.querySelectorAll(".patients li").length === 1);
  await goesTo(".patients a");
  await page.screenshot({ path: join(shots, "keyboard-found.png"), animations: "disabled" });
  await page.keyboard.press("Enter");
  await page.waitForURL("**/patients/*");
  await goesTo(".timeline a");
  await page.screenshot({ path: join(shots, "keyboard-timeline.png"), animations: "disabled" });
  await page.keyboard.press("Enter");
  await page.waitForURL("**/pictures/*");
  await decoded(page);
  await goesTo(".stage");
  await page.screenshot({ path: join(shots, "keyboard-picture.png"), animations: "disabled" });
  await page.keyboard.press("+");
  const closer = await zoomed(page);
  assert.ok(closer.scale > 1);
  await page.keyboard.press("ArrowLeft");
  assert.ok((await zoomed(page)).x > closer.x);

  await goesTo(".recorded .back a");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/patients/*");
  await goesTo(".timeline li:nth-child(1) input");
  await page.keyboard.press("Space");
  await goesTo(".timeline li:nth-child(2) input");
  await page.keyboard.press("Space");
  await page.screenshot({ path: join(shots, "keyboard-chosen.png"), animations: "disabled" });
  await goesTo(".site button", "Shift+Tab");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/compare?*");
  await decoded(page);
  assert.equal(await page.locator(".stage").count(), 2);
  await goesTo("[data-overlay]");
  await page.keyboard.press("Enter");
  await goesTo("[data-slider]");
  for (let n = 0; n < 10; n++) await page.keyboard.press("ArrowRight");
  assert.match(await page.locator(".stage").nth(1).evaluate((board) => board.style.clipPath), /60%/);
  await goesTo(".stage");
  await page.keyboard.press("+");
  await page.keyboard.press("ArrowUp");
  const [one, other] = [await zoomed(page, 0), await zoomed(page, 1)];
  assert.ok(one.scale > 1 && one.y > 0, JSON.stringify(one));
  assert.deepEqual(other, one, "both move");
  await page.screenshot({ path: join(shots, "keyboard-compare.png"), animations: "disabled" });
  unblemished(page);
});

test("a_focus_that_nobody_sees_is_found", async () => {
  await page.goto("/patients");
  await page.keyboard.press("Tab");
  assert.ok(await outlined() >= SEEN, "the control");
  // As a style would that takes the outline away, or makes it as faint as the ground.
  for (const outline of ["none", "3px solid #f3f5f7"]) {
    await page.evaluate((style) => { document.activeElement.style.outline = style; }, outline);
    const hidden = await page.evaluate(() => document.activeElement !== document.body);
    assert.ok(hidden && await outlined() < SEEN, outline);
  }
});
