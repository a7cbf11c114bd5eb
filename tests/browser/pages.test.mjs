// Every page of every role in a clinic that is full, and before anything is there, judged.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Clinic, until } from "./clinic.mjs";
import { judged } from "./judge.mjs";
import { photograph } from "./photographs.mjs";
import { adds, joins, launch, sit } from "./staff.mjs";
import { walk } from "./walk.mjs";

/** As long as names may be. */
const LONG = "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh, Maximilia";
const SITES = ["left forearm", "back", "right lower leg", "face", "abdomen", "left hand"];

let clinic, browser, admin, clinician, officer;

before(async () => {
  browser = await launch();
  clinic = await Clinic.open();
  [admin, clinician, officer] = [await sit(browser, clinic), await sit(browser, clinic), await sit(browser, clinic)];
});

after(async () => {
  await browser?.close();
  await clinic?.close();
});

/** All pages that a role comes to. */
const allJudged = async (page, from, prefix) => {
  const wrong = [];
  const kinds = await walk(page, from, async (kind) => wrong.push(...await judged(page, `${prefix}${kind.replaceAll("/", "-")}`)));
  return { wrong, kinds };
};

test("pages_before_anything_is_there", async () => {
  const wrong = [];
  await admin.goto("/login");
  wrong.push(...await judged(admin, "login"));
  await admin.goto("/join");
  wrong.push(...await judged(admin, "join"));
  await admin.fill("#code", "aaaa-bbbb-cccc-dddd");
  await admin.click("main button");
  wrong.push(...await judged(admin, "join-wrong"));
  await admin.fill("#code", clinic.code());
  await admin.click("main button");
  wrong.push(...await judged(admin, "join-account"));
  await joins(admin, clinic.code(), { id: "ada.admin", name: "Ada Admin" });
  await joins(clinician, await adds(admin, "carla", "Carla Clinician", "clinician"));
  await joins(officer, await adds(admin, "petra", "Petra Privacy", "privacy-officer"));
  wrong.push(...await judged(admin, "people-code"));
  for (const [page, name] of [[admin, "admin"], [clinician, "clinician"], [officer, "officer"]]) {
    wrong.push(...(await allJudged(page, "/", `empty-${name}`)).wrong);
  }
  await clinician.goto("/nothing-of-the-kind");
  wrong.push(...await judged(clinician, "not-found"));
  assert.deepEqual(wrong, []);
});

test("pages_of_a_clinic_that_is_full", async () => {
  const people = ["Anneliese Vogt", "Bartholomäus Ó Súilleabháin", LONG, "Chidi Okonkwo", "Dilnoza Karimova", "Étienne Lefèvre", "Fumiko Tanaka", "Grzegorz Brzęczyszczykiewicz", "Hamid Rezaei"];
  for (const [n, name] of people.entries()) await adds(admin, `person${n}`, name, n % 4 ? "clinician" : "admin");
  const phones = ["Room 1", "Room 2", "Room 3", "Theatre", "Ward 4", "Home visits", "Outpatients", "Dermatoscopy on the second floor, beside the lift, spare phone"];
  for (const [n, name] of phones.entries()) await clinic.phone(`phone${n}`, name, "carla", n % 2 ? "Pixel 8" : "iPhone 15");

  const label = { patient: "MRN-77812-04", name: "Quittländer, Zoë", birth_date: "1961-02-03", consent: "record", note: "Naevus, changed since spring.\nNext look in three months." };
  const photos = [];
  for (const seed of [4, 5, 7]) for (const age of [0, 1, 2, 3, 4]) photos.push(await photograph(admin, clinic.at(`${seed}-${age}.jpg`), { seed, age }));
  for (const [n, site] of SITES.entries()) await clinic.sends(`phone${n}`, { ...label, site }, ...photos.slice(5 * (n % 3), 5 * (n % 3) + 5));
  const others = [["4711", LONG, "1984-11-30"], ["0815", "Osei, Kwame", "1975-06-01"], ["DE-2231", "Ravnsborg, Ingeborg", "1949-07-19"], ["DE-2232", "Pfannenstiel, Aurelio", "1987-11-30"]];
  for (const [patient, name, birth_date] of others) await clinic.sends("phone6", { patient, name, birth_date, site: "face" }, photos[12]);
  await until("all pictures", async () => {
    await clinician.goto("/patients");
    if (await clinician.locator(".patients li").count() < 5) return false;
    await clinician.getByRole("link", { name: "Quittländer" }).click();
    await clinician.locator("h1").waitFor();
    return await clinician.locator(".timeline li").count() === 30 && await clinician.locator(".blank").count() === 0;
  });

  const wrong = [];
  const patient = clinician.url();
  wrong.push(...await judged(clinician, "patient"));
  const picks = clinician.locator("section").nth(3).getByRole("checkbox");
  for (const n of [0, 4]) await picks.nth(n).check();
  await clinician.getByRole("button", { name: "Compare" }).nth(3).click();
  wrong.push(...await judged(clinician, "compare"));
  await clinician.getByRole("button", { name: "Before and after" }).click();
  wrong.push(...await judged(clinician, "compare-overlay"));
  await clinician.goto("/patients");
  await clinician.fill("#query", "nobody of this name");
  await clinician.locator("#found .none").waitFor();
  wrong.push(...await judged(clinician, "patients-none"));

  const stranger = await sit(browser, clinic);
  await joins(stranger, await adds(admin, "nils", "Nils Nachtdienst", "clinician"));
  await stranger.goto("/emergency");
  await stranger.fill("#number", "MRN-77812-04");
  await stranger.locator("input[name=reason]").first().check();
  await stranger.fill("#words", "Bleeding at the site that was excised yesterday, seen at three in the morning. ".repeat(6));
  await stranger.locator("main form button").click();
  wrong.push(...await judged(stranger, "emergency-patient"));
  await stranger.locator(".timeline a").first().click();
  wrong.push(...await judged(stranger, "emergency-picture"));

  // One that waits for approval, and its code still on the screen.
  await admin.goto("/devices");
  await admin.fill("#name", "Room 9");
  await admin.selectOption("#person", { index: 1 });
  await admin.click(".add button");
  await admin.locator(".invited .qr").screenshot({ path: clinic.at("qr.png") });
  const waiting = clinic.enrols("phone9", clinic.at("qr.png"), "Pixel 8").catch(() => {});
  await admin.locator("#devices .words").waitFor();
  wrong.push(...await judged(admin, "devices-waiting"));
  await admin.fill("#name", "Room 10");
  await admin.selectOption("#person", { index: 2 });
  await admin.click(".add button");
  await admin.locator(".invited strong").getByText("Room 10").waitFor();
  // The code that is shown stands above; it is not listed once more between it and the words of the phone that scans it.
  assert.equal(await admin.getByRole("heading", { name: "Open invitations" }).count(), 0);
  await admin.goto("/devices");
  await admin.getByRole("heading", { name: "Open invitations" }).waitFor();
  wrong.push(...await judged(admin, "devices-open"));

  for (const [page, name, least] of [[admin, "admin", 4], [clinician, "clinician", 5], [officer, "officer", 3]]) {
    const { wrong: more, kinds } = await allJudged(page, "/", name);
    wrong.push(...more);
    assert.ok(kinds.length >= least, `${name} comes to ${kinds.join(" ")} alone`);
  }
  // How it stands comes first; what is good is folded, and unfolds by the keyboard.
  await admin.goto("/system");
  await admin.locator("main").getByText(/of \d+ checks needs? you/).waitFor();
  const folded = admin.locator("details.good");
  assert.ok(await folded.count() > 2);
  assert.equal(await admin.locator("details.good[open]").count(), 0);
  for (const one of await folded.all()) await one.locator("summary").press("Enter");
  assert.equal(await admin.locator("details.good[open]").count(), await folded.count());
  wrong.push(...await judged(admin, "system-unfolded"));

  // What a form is refused for stands above it, with what was typed still in it.
  await officer.goto("/reports");
  await officer.fill("#number", "nobody-has-this");
  await officer.fill("#patient-from", "2026-01-01");
  await officer.getByRole("button", { name: "Make the report" }).first().click();
  await officer.getByRole("alert").getByText("There is no patient of this number").waitFor();
  assert.deepEqual([await officer.inputValue("#number"), await officer.inputValue("#patient-from")], ["nobody-has-this", "2026-01-01"]);
  wrong.push(...await judged(officer, "reports-refused"));
  assert.equal((await officer.goto("/log?by=gateway&picture=half-an-id")).status(), 404);
  assert.equal(await officer.inputValue("#picture"), "half-an-id");
  wrong.push(...await judged(officer, "log-refused"));

  await admin.goto("/devices");
  await admin.getByRole("button", { name: "decline" }).click();
  await waiting;
  await admin.goto("/vault");
  await admin.getByRole("button", { name: "Lock" }).click();
  await admin.locator("#passphrase").waitFor();
  wrong.push(...await judged(admin, "vault-locked"));
  await clinician.goto(patient);
  wrong.push(...await judged(clinician, "locked"));
  assert.deepEqual(wrong, []);
  for (const page of [admin, clinician, officer, stranger]) assert.deepEqual(page.faults, []);
});

test("what_is_wrong_with_a_page_is_found", async () => {
  const page = await sit(browser, clinic);
  await page.goto("/login");
  await page.evaluate(() => {
    document.querySelector("label").remove();
    const wide = document.createElement("p");
    wide.textContent = "wide";
    wide.style.width = "3000px";
    document.querySelector("main").append(wide);
  });
  const wrong = (await judged(page, "control")).join("\n");
  assert.match(wrong, /: label: /);
  assert.match(wrong, /wider than the window/);
});
