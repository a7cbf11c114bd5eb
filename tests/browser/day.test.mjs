// Each role's day, from the first code to the log: what people see and press, in a browser that runs the console's scripts under its policy.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Clinic, until } from "./clinic.mjs";
import { photograph } from "./photographs.mjs";
import { adds, digits, joins, launch, logsIn, sit, unblemished } from "./staff.mjs";
import { decoded, zoomed } from "./viewer.mjs";

let clinic, browser, admin, clinician, officer;
/** What each has to log in with again. */
const kept = {};

before(async () => {
  browser = await launch();
  clinic = await Clinic.open();
  [admin, clinician, officer] = [await sit(browser, clinic), await sit(browser, clinic), await sit(browser, clinic)];
});

after(async () => {
  await browser?.close();
  await clinic?.close();
});

const inBounds = ({ scale, x, y }) => {
  const limit = (scale - 1) / 2 + 1e-3;
  assert.ok(scale >= 1 && scale <= 12 + 1e-3 && Math.abs(x) <= limit && Math.abs(y) <= limit, JSON.stringify({ scale, x, y }));
};

test("the_first_admin_joins_leaves_and_logs_in_with_either_kind_of_code", async () => {
  kept.admin = await joins(admin, clinic.code(), { id: "ada.admin", name: "Ada Admin" });
  assert.equal(kept.admin.codes.length, 8);
  assert.equal(new URL(admin.url()).pathname, "/setup");
  await admin.getByRole("button", { name: "Log out" }).click();
  assert.equal(new URL(admin.url()).pathname, "/login");

  await logsIn(admin, "ada.admin", "000000");
  assert.equal(new URL(admin.url()).pathname, "/login", "a wrong code opens nothing");
  await admin.locator("[role=alert]:visible").waitFor();
  await logsIn(admin, "ada.admin", kept.admin.codes.pop());
  assert.equal(new URL(admin.url()).pathname, "/setup");
  await admin.getByRole("button", { name: "Log out" }).click();
  // The code of the present half minute was used at the beginning; the next one is taken too.
  await logsIn(admin, "ada.admin", digits(kept.admin.secret, 1));
  assert.equal(new URL(admin.url()).pathname, "/setup");
  unblemished(admin);
});

test("the_admin_adds_people_who_begin_with_a_code", async () => {
  kept.clinician = await joins(clinician, await adds(admin, "carla", "Carla Clinician", "clinician"));
  kept.officer = await joins(officer, await adds(admin, "petra", "Petra Privacy", "privacy-officer"));
  assert.equal(new URL(clinician.url()).pathname, "/patients");
  assert.equal(new URL(officer.url()).pathname, "/log");
  for (const name of ["Ada Admin", "Carla Clinician", "Petra Privacy"]) await admin.getByText(name, { exact: true }).first().waitFor();
  unblemished(admin, clinician, officer);
});

test("a_phone_scans_the_page_and_both_sides_show_the_same_words", async () => {
  await admin.goto("/devices");
  await admin.fill("#name", "Room 3");
  await admin.selectOption("#person", "carla");
  await admin.click(".add button");
  await admin.locator(".invited .qr").screenshot({ path: clinic.at("qr.png"), animations: "disabled" });
  const phone = clinic.enrols("phone", clinic.at("qr.png"), "Pixel 8");
  // It appears by itself: nobody loads the page again.
  const words = (await admin.locator("#devices .words").textContent()).trim();
  assert.equal(words.split(/\s+/).length, 4);
  await admin.locator("#devices").getByRole("button", { name: "approve" }).click();
  assert.equal(JSON.parse(await phone).words.trim(), words);
  await admin.locator(".state.active").waitFor();
  unblemished(admin);
});

test("a_clinician_finds_a_patient_while_typing", async () => {
  const photos = [];
  for (const age of [0, 1, 2]) photos.push(await photograph(clinician, clinic.at(`${age}.jpg`), { seed: 5, age }));
  const label = { patient: "MRN-77812-04", name: "Quittländer, Zoë", birth_date: "1961-02-03", site: "left forearm", consent: "record", note: "two lesions" };
  await clinic.sends("phone", label, ...photos);
  await clinic.sends("phone", { ...label, patient: "4711", name: "Osei, Kwame", birth_date: "1984-11-30" }, photos[0]);
  await until("pictures that are verified", async () => {
    await clinician.goto("/patients");
    return await clinician.locator(".patients li").count() === 2;
  });
  await clinician.locator("#query").pressSequentially("quitt", { delay: 20 });
  await clinician.waitForFunction(() => document.querySelectorAll(".patients li").length === 1);
  assert.match(await clinician.locator(".patients").textContent(), /Quittländer, Zoë/);
  assert.equal(new URL(clinician.url()).search, "", "what was typed is in no address");
  await until("three pictures", async () => {
    await clinician.goto("/patients");
    await clinician.getByRole("link", { name: "Quittländer" }).click();
    await clinician.locator("h1").waitFor();
    return await clinician.locator(".timeline li").count() === 3;
  });
  unblemished(clinician);
});

test("a_picture_is_zoomed_with_buttons_wheel_and_keys_and_stays_in_its_frame", async () => {
  await clinician.locator(".timeline a").first().click();
  await decoded(clinician);
  const whole = await zoomed(clinician);
  assert.deepEqual(whole, { scale: 1, x: 0, y: 0 });

  await clinician.getByRole("button", { name: "Zoom in" }).click();
  const closer = await zoomed(clinician);
  assert.ok(closer.scale > 1.3);
  await clinician.getByRole("button", { name: "Zoom out" }).click();
  assert.ok((await zoomed(clinician)).scale < closer.scale);

  // What is under the pointer stays under it.
  const image = await clinician.locator(".stage img").boundingBox();
  await clinician.mouse.move(image.x + image.width * 0.25, image.y + image.height * 0.25);
  await clinician.mouse.wheel(0, -100);
  await clinician.waitForFunction(() => document.querySelector(".stage").classList.contains("zoomed"));
  const wheeled = await zoomed(clinician);
  assert.ok(wheeled.scale > 1.1 && wheeled.x > 0 && wheeled.y > 0, JSON.stringify(wheeled));
  inBounds(wheeled);

  await clinician.mouse.down();
  await clinician.mouse.move(image.x + 3000, image.y + 3000, { steps: 4 });
  await clinician.mouse.up();
  inBounds(await zoomed(clinician));

  await clinician.locator(".stage").focus();
  await clinician.keyboard.press("0");
  assert.deepEqual(await zoomed(clinician), whole);
  for (let n = 0; n < 30; n++) await clinician.keyboard.press("+");
  const most = await zoomed(clinician);
  assert.ok(most.scale > 11 && most.scale < 12.01, `${most.scale}`);
  for (let n = 0; n < 40; n++) await clinician.keyboard.press("ArrowLeft");
  const edge = await zoomed(clinician);
  assert.ok(edge.x > 5, JSON.stringify(edge));
  inBounds(edge);
  await clinician.getByRole("button", { name: "Whole picture" }).click();
  assert.deepEqual(await zoomed(clinician), whole);
  unblemished(clinician);
});

test("two_pictures_move_together_and_a_divider_shows_before_and_after", async () => {
  await clinician.goBack();
  const picks = clinician.getByRole("checkbox");
  await picks.nth(0).check();
  await picks.nth(1).check();
  await clinician.getByRole("button", { name: "Compare" }).click();
  await decoded(clinician);
  assert.equal(await clinician.locator(".stage").count(), 2);
  await clinician.getByRole("button", { name: "Zoom in" }).click();
  const [one, other] = [await zoomed(clinician, 0), await zoomed(clinician, 1)];
  assert.ok(one.scale > 1.3);
  assert.deepEqual(other, one);

  const clip = () => clinician.locator(".stage").nth(1).evaluate((stage) => stage.style.clipPath);
  await clinician.getByRole("button", { name: "Before and after" }).click();
  const middle = await clip();
  const slider = clinician.getByRole("slider");
  await slider.focus();
  for (let n = 0; n < 10; n++) await clinician.keyboard.press("ArrowRight");
  const moved = await clip();
  assert.match(middle, /50%/);
  assert.match(moved, /60%/);
  unblemished(clinician);
});

test("emergency_access_carries_a_banner_and_is_ended_early_and_the_officer_reviews_it_and_finds_the_look_in_the_log", async () => {
  const stranger = await sit(browser, clinic);
  kept.stranger = await joins(stranger, await adds(admin, "nils", "Nils Nachtdienst", "clinician"));
  assert.equal(await stranger.locator(".patients li").count(), 0, "a patient of others is not listed");
  assert.equal(await stranger.locator(".banner").count(), 0);
  await stranger.goto("/emergency");
  await stranger.fill("#number", "MRN-77812-04");
  await stranger.locator("input[name=reason]").first().check();
  await stranger.fill("#words", "Bleeding at the site that was excised yesterday");
  await stranger.locator("main form button").click();
  assert.equal(await stranger.locator("h1").textContent(), "Quittländer, Zoë");
  assert.match(await stranger.locator(".banner").textContent(), /emergency access/);

  await officer.goto("/emergencies");
  await officer.getByText("Bleeding at the site").waitFor();
  await officer.getByRole("button", { name: "Justified", exact: true }).click();
  await officer.getByText("reviewed by Petra Privacy (petra)").waitFor();
  const patient = stranger.url();
  await stranger.getByRole("button", { name: "End it now, on record" }).click();
  assert.equal(new URL(stranger.url()).pathname, "/patients");
  assert.equal(await stranger.locator(".banner").count(), 0, "it is over");
  assert.equal((await stranger.goto(patient)).status(), 404, "and the patient is nobody for them");
  await officer.goto("/emergencies");
  await officer.getByText("ended early").waitFor();
  await officer.goto("/log");
  const log = await officer.locator("main").textContent();
  assert.match(log, /nils/);
  assert.doesNotMatch(log, /Quittl|77812/, "the log names no patient");
  unblemished(stranger, officer);
});

test("a_locked_vault_shows_no_picture_and_opens_again", async () => {
  await clinician.goto("/patients");
  await admin.goto("/vault");
  await admin.getByRole("button", { name: "Lock" }).click();
  await admin.locator("#passphrase").waitFor();
  await clinician.getByRole("link", { name: "Quittländer" }).click();
  await clinician.getByText("Nobody can see pictures until").waitFor();
  await admin.fill("#passphrase", "not the passphrase");
  await admin.getByRole("button", { name: "Unlock" }).click();
  await admin.getByRole("alert").waitFor();
  await admin.fill("#passphrase", clinic.passphrase);
  await admin.getByRole("button", { name: "Unlock" }).click();
  await admin.getByRole("button", { name: "Lock" }).waitFor();
  await clinician.reload();
  await clinician.getByRole("heading", { name: "Quittländer, Zoë" }).waitFor();
  unblemished(admin, clinician);
});

test("c14_after_log_out_nothing_is_left_behind_the_back_button", async () => {
  const cookies = await clinician.context().cookies();
  const place = clinician.url();
  await clinician.goto(place);
  await clinician.getByRole("heading", { name: "Quittländer, Zoë" }).waitFor();
  await clinician.getByRole("button", { name: "Log out" }).click();
  await clinician.waitForURL("**/login");
  for (let n = 0; n < 3; n++) {
    await clinician.goBack().catch(() => {});
    await sleep(200);
    assert.doesNotMatch(await clinician.content(), /Quittl|77812/);
    assert.equal(await clinician.locator(".stage, .timeline").count(), 0);
  }
  // A thief of the cookie comes too late.
  const thief = await sit(browser, clinic);
  await thief.context().addCookies(cookies);
  await thief.goto(place);
  assert.equal(new URL(thief.url()).pathname, "/login");
  unblemished(clinician, thief);
});

test("a_revoked_phone_sends_nothing_more", async () => {
  await admin.goto("/devices");
  await admin.locator("summary", { hasText: "Revoke" }).click();
  await admin.getByRole("button", { name: "Revoke at once" }).click();
  await admin.locator(".state.revoked").waitFor();
  await assert.rejects(clinic.sends("phone", { patient: "4711", name: "Osei, Kwame", birth_date: "1984-11-30" }, clinic.at("0.jpg")));
  unblemished(admin);
});
