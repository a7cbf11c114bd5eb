// Where somebody is logged in ends where and when they say so, and nothing that they saw is left in a browser: not behind its back button either, which
// shows pages from its memory without asking anybody.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { until } from "./clinic.mjs";
import { passes } from "./judge.mjs";
import { Stage, ZOE } from "./stage.mjs";
import { SIZES, sit, unblemished } from "./staff.mjs";
import { decoded, givesPicture } from "./viewer.mjs";

let stage, admin, carla, patient;

before(async () => {
  stage = await Stage.open({ keepsPages: true });
  ({ admin, carla } = stage);
  await stage.clinic.phone("phone", "Room 3", "carla");
  await stage.clinic.sends("phone", ZOE, ...await stage.photographs(2));
  await stage.waits(carla, ZOE, 2);
  patient = new URL(carla.url()).pathname;
});

after(() => stage?.close());

const path = (page) => new URL(page.url()).pathname;

/** Opens a picture by its link, so that the patient's page lies behind it: what shows it. */
const opens = async (page) => {
  await page.goto(patient);
  await page.locator(".timeline a").first().click();
  await decoded(page);
  await page.evaluate(() => { window.kept = true; });
  return page.locator(".stage img").evaluate((shown) => shown.src);
};

/** The back button. The driver's own waits for an answer, and a page from memory needs none. */
const goesBack = async (page) => {
  await page.evaluate(() => { setTimeout(() => history.back(), 20); });
  await sleep(500);
  await until("the page of before", () => page.evaluate(() => document.readyState === "complete").catch(() => false));
};

/** The browser has asked, and shows what it shows to anybody. */
const showsNothing = async (page, where) => {
  await until(`the log-in page: ${where}`, () => path(page) === "/login");
  await page.locator("#password").waitFor();
  assert.equal(await page.evaluate(() => "kept" in window), false, `${where}: the page of before is back`);
  assert.equal(await page.locator(".stage, .timeline, main img").count(), 0, where);
  assert.doesNotMatch(await page.content(), /Quittl|77812/, where);
};

test("this_browser_shows_pages_from_its_memory_where_it_may", async () => {
  const server = createServer((_, answer) => answer.setHeader("content-type", "text/html").end("<!doctype html><title>plain</title><p>plain"));
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const page = await sit(stage.browser, stage.clinic);
  const { port } = server.address();
  await page.goto(`http://localhost:${port}/one`);
  await page.evaluate(() => { window.kept = true; });
  await page.goto(`http://localhost:${port}/two`);
  await goesBack(page);
  assert.equal(path(page), "/one");
  assert.ok(await page.evaluate(() => window.kept === true), "the control: without this memory the tests below show nothing");
  await page.context().close();
  server.closeAllConnections();
  server.close();
});

test("c14_after_log_out_the_back_button_shows_no_page_from_memory", async () => {
  const page = await stage.again("carla");
  const image = await opens(page);
  await page.getByRole("button", { name: "Log out" }).click();
  await page.waitForURL("**/login");
  for (let n = 0; n < 3; n++) {
    await goesBack(page);
    await showsNothing(page, `back ${n + 1}`);
  }
  await passes(page, "sessions-back");
  assert.equal(await givesPicture(page, image), false);
  unblemished(page);
  await page.context().close();
});

test("c13_c14_one_ends_a_log_in_elsewhere_and_that_browser_shows_nothing_more", async () => {
  const tablet = await stage.again("carla", SIZES.tablet);
  const image = await opens(tablet);
  await tablet.goto("/account");
  await tablet.getByText("another browser").first().waitFor();
  assert.ok(await givesPicture(tablet, image), "the control: the ticket of the page before still holds");

  await carla.goto("/account");
  await passes(carla, "sessions-account");
  const others = carla.locator(".rows li").filter({ hasText: "another browser" });
  assert.equal(await others.count(), 1);
  await others.getByRole("button", { name: "End" }).click();
  await others.waitFor({ state: "detached" });
  await goesBack(tablet);
  await showsNothing(tablet, "back, after it was ended elsewhere");
  assert.equal(await givesPicture(tablet, image), false);
  await tablet.goto(patient);
  assert.equal(path(tablet), "/login");
  assert.equal((await carla.goto(patient)).status(), 200, "where it was ended from, it goes on");
  await tablet.context().close();
  unblemished(carla);
});

test("c13_an_admin_logs_somebody_out_everywhere", async () => {
  const tablet = await stage.again("carla", SIZES.tablet);
  const images = [];
  for (const page of [carla, tablet]) images.push(await opens(page));
  await admin.goto("/people/carla");
  await admin.getByText("Browsers logged in now: 2").waitFor();
  await passes(admin, "sessions-person");
  await admin.getByRole("button", { name: "Log out everywhere" }).click();
  await admin.getByText("Browsers logged in now: 0").waitFor();
  assert.equal(await admin.getByRole("button", { name: "Log out everywhere" }).count(), 0);
  for (const [n, page] of [carla, tablet].entries()) {
    assert.equal(await givesPicture(page, images[n]), false);
    await page.goto(patient);
    assert.equal(path(page), "/login");
  }
  await passes(tablet, "sessions-login");
  const record = await stage.record();
  assert.ok(record.some((row) => row.includes("Ada Admin") && row.includes("ended what a person was logged in to")), record.join("\n"));
  const back = await stage.again("carla");
  assert.equal((await back.goto(patient)).status(), 200, "and may log in again");
  unblemished(admin, carla, tablet, back);
});
