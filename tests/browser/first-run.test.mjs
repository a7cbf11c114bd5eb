// The first run, from the terminal of a gateway that nobody runs to a picture that came through, as whoever sets it up goes through it.

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { Clinic, until } from "./clinic.mjs";
import { passes } from "./judge.mjs";
import { photograph } from "./photographs.mjs";
import { joins, launch, logsIn, sit, unblemished } from "./staff.mjs";

/** So long it may take from the start of `safelight serve`. */
const FIVE_MINUTES = 300_000;

let clinic, browser, begun, admin, clinician, kept;

before(async () => {
  browser = await launch();
  begun = Date.now();
  clinic = await Clinic.open();
  [admin, clinician] = [await sit(browser, clinic), await sit(browser, clinic)];
});

after(async () => {
  await browser?.close();
  await clinic?.close();
});

/** The step that is to be done now, as the page marks it. */
const step = async () => (await admin.locator(".progress [aria-current=step]").innerText()).trim();

test("a_browser_warns_until_it_is_told_who_vouches_and_the_terminal_says_who_that_is", async () => {
  const context = await browser.newContext({ baseURL: clinic.console });
  await assert.rejects((await context.newPage()).goto("/"), /ERR_CERT_AUTHORITY_INVALID/);
  await context.close();

  const { fingerprint } = await clinic.announced();
  await admin.goto("/");
  assert.equal(new URL(admin.url()).pathname, "/join", "whoever opens a new console is led to where it begins");
  await admin.getByRole("link", { name: "Your browser warns" }).click();
  assert.equal((await admin.locator(".fingerprint").innerText()).trim(), fingerprint);
  await passes(admin, "first-run-trust");
  const saving = admin.waitForEvent("download");
  await admin.getByRole("link", { name: "Fetch the certificate" }).click();
  const authority = readFileSync(await (await saving).path());
  assert.equal(new X509Certificate(authority).fingerprint256.toLowerCase(), fingerprint.toLowerCase());
  assert.ok(await clinic.answers(authority), "this authority does not vouch for the console");
  unblemished(admin);
});

test("the_terminals_code_makes_the_first_admin_and_the_set_up_begins", async () => {
  const { code } = await clinic.announced();
  kept = await joins(admin, code, { id: "ada.admin", name: "Ada Admin" }, (page) => passes(admin, `first-run-${page}`));
  assert.equal(new URL(admin.url()).pathname, "/setup");
  assert.equal(await step(), "Name");
  await admin.getByText("St. Elsewhere Dermatology", { exact: true }).last().waitFor();
  await passes(admin, "first-run-name");
  await admin.getByRole("button", { name: "The name is right" }).click();
  unblemished(admin);
});

test("another_gateways_kit_is_refused_and_the_own_one_is_tested", async () => {
  assert.equal(await step(), "Recovery kit");
  clinic.run("init", "--data", clinic.at("other"), "--passphrase-file", clinic.at("passphrase"), "--recovery-out", clinic.at("other-kit"),
    "--host", "localhost", "--listen", "127.0.0.1:0", "--enrol-listen", "127.0.0.1:0", "--console-listen", "127.0.0.1:0");
  await passes(admin, "first-run-kit");
  for (const [kit, words] of [["other-kit", "another gateway's kit"], ["kit", null]]) {
    await admin.getByLabel("The kit's file").setInputFiles(clinic.at(kit));
    await admin.waitForFunction(() => document.querySelector("#kit").value.startsWith("AGE-SECRET-KEY-1"));
    await admin.getByRole("button", { name: "Test it" }).click();
    if (words === null) break;
    await admin.getByRole("alert").filter({ hasText: words }).waitFor();
    assert.equal(await admin.inputValue("#kit"), "", "a key is not shown again");
    await passes(admin, "first-run-kit-refused");
  }
  await admin.waitForFunction(() => document.querySelector("[aria-current=step]").textContent === "First clinician");
  unblemished(admin);
});

test("the_first_clinician_begins_with_a_code", async () => {
  await passes(admin, "first-run-clinician");
  await admin.fill("#id", "carla");
  await admin.fill("#name", "Carla Clinician");
  await admin.getByRole("button", { name: "Add" }).click();
  const code = await admin.textContent(".notice .words");
  await passes(admin, "first-run-code");
  await admin.getByRole("link", { name: "Go on" }).click();
  await joins(clinician, code);
  assert.equal(new URL(clinician.url()).pathname, "/patients");
  await passes(clinician, "first-run-no-patient");
  unblemished(admin, clinician);
});

test("the_first_phone_shows_the_same_words_and_is_approved", async () => {
  // Left, and taken up again where it was.
  await admin.goto("/devices");
  await admin.goto("/");
  assert.equal(await step(), "First phone");
  await passes(admin, "first-run-phone");
  await admin.fill("#phone", "Room 3");
  await admin.selectOption("#person", "carla");
  await admin.getByRole("button", { name: "Show the code" }).click();
  await admin.locator(".invited .qr").screenshot({ path: clinic.at("qr.png"), animations: "disabled" });
  const phone = clinic.enrols("phone", clinic.at("qr.png"), "Pixel 8");
  // It appears by itself: nobody loads the page again.
  const words = (await admin.locator("#devices .words").textContent()).trim();
  assert.equal(words.split(/\s+/).length, 4);
  await passes(admin, "first-run-words");
  await admin.getByRole("button", { name: "Yes, the same: approve" }).click();
  assert.equal(JSON.parse(await phone).words.trim(), words);
  await admin.waitForFunction(() => document.querySelector("[aria-current=step]").textContent === "Test picture");
  unblemished(admin);
});

test("the_test_picture_arrives_while_the_page_is_looked_at", async () => {
  await admin.getByText("No picture yet").waitFor();
  await passes(admin, "first-run-picture");
  const photo = await photograph(admin, clinic.at("photo.jpg"));
  // As the page says it.
  const said = (await admin.locator("main code").innerText()).split(" ");
  assert.equal(said.shift(), "safelight");
  await clinic.starts(...said.map((word) => ({ PHONE: clinic.at("phone"), "PHOTO.jpg": photo })[word] ?? word));
  await admin.getByText("A picture has come through").waitFor();
  await passes(admin, "first-run-arrived");
  assert.equal(await admin.locator("main img").count(), 0, "an admin sees no picture");
  await until("the clinician's first patient", async () => {
    await clinician.goto("/patients");
    return await clinician.locator(".patients li").count() === 1;
  });
  await clinician.getByRole("link", { name: "Test" }).click();
  await clinician.locator(".timeline a").waitFor();
  unblemished(admin, clinician);
});

test("it_ends_within_five_minutes_and_does_not_come_back", async () => {
  await admin.getByRole("button", { name: "Finish" }).click();
  await admin.waitForURL("**/devices");
  const took = Date.now() - begun;
  assert.ok(took < FIVE_MINUTES, `it took ${Math.round(took / 1000)} s`);
  const over = async () => {
    assert.equal(new URL(admin.url()).pathname, "/devices");
    assert.equal(await admin.getByRole("link", { name: "Set-up" }).count(), 0);
    assert.equal((await admin.goto("/setup")).status(), 404);
    await admin.getByRole("heading", { name: "Not found" }).waitFor();
    await admin.goto("/");
  };
  await over();
  await passes(admin, "first-run-over");
  await admin.getByRole("button", { name: "Log out" }).click();
  await admin.waitForURL("**/login");
  await logsIn(admin, "ada.admin", kept.codes.pop());
  await admin.waitForURL("**/devices");
  await over();
  unblemished(admin);
});
