// A picture under the wrong patient: out of everybody's sight with the report, and with the right patient when its author says whose it is.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { passes } from "./judge.mjs";
import { KWAME, Stage, ZOE } from "./stage.mjs";
import { unblemished } from "./staff.mjs";
import { decoded, givesPicture, timeline } from "./viewer.mjs";

const WORDS = "This is a left arm, and it is not hers";

let stage, carla, nils, officer;
/** The picture, where carla has it open, and what her page shows it from. */
let wrong, patient, image;

before(async () => {
  stage = await Stage.open();
  ({ carla, nils, officer } = stage);
  const photos = await stage.photographs(3);
  await stage.clinic.phone("phone", "Room 3", "carla");
  await stage.clinic.sends("phone", ZOE, ...photos);
  await stage.clinic.sends("phone", KWAME, photos[0]);
  await stage.waits(carla, KWAME, 1);
  [, wrong] = await stage.waits(carla, ZOE, 3);
  patient = new URL(carla.url()).pathname;
  await stage.lets(carla, "nils");
});

after(() => stage?.close());

test("a_reported_picture_is_out_of_everybodys_sight_at_once", async () => {
  await carla.goto(`/pictures/${wrong}`);
  await decoded(carla);
  image = await carla.locator(".stage img").evaluate((shown) => shown.src);
  assert.ok(await givesPicture(carla, image), "the control: it is shown before");

  await nils.goto(patient);
  assert.equal((await timeline(nils)).length, 3);
  await nils.locator(`.timeline a[href$="${wrong}"]`).click();
  await decoded(nils);
  await nils.getByText("Something is wrong with this picture").click();
  await nils.getByLabel("Wrong patient").check();
  await nils.getByLabel("In your own words").fill(WORDS);
  await passes(nils, "wrong-patient-report");
  await nils.getByRole("button", { name: "Hide it, on record" }).click();
  await nils.getByText("The picture is out of everybody's sight.").waitFor();
  await passes(nils, "wrong-patient-reported");

  for (const [page, who] of [[nils, "whoever reported it"], [carla, "its author"]]) {
    await page.goto(patient);
    const left = await timeline(page);
    assert.ok(left.length === 2 && !left.includes(wrong), `${who} sees ${left}`);
    assert.equal(await givesPicture(page, image), false, `${who}: a page that was open before`);
    assert.equal((await page.goto(`/pictures/${wrong}`)).status(), 404, who);
    await page.getByRole("heading", { name: "Not found" }).waitFor();
  }
  await nils.goto(patient);
  await passes(nils, "wrong-patient-gone");
  unblemished(nils, carla);
});

test("the_officer_sees_that_it_waits_and_neither_picture_nor_name", async () => {
  await officer.goto("/corrections");
  const row = officer.locator(".rows li");
  assert.equal(await row.count(), 1);
  const text = await row.innerText();
  for (const words of ["Wrong patient", WORDS, "reported by Nils Nachtdienst (nils)", "taken by Carla Clinician (carla)", "Room 3"]) assert.ok(text.includes(words), `${words}: ${text}`);
  assert.doesNotMatch(await officer.locator("main").innerText(), /Quittl|77812/);
  assert.equal(await officer.locator("main img").count(), 0);
  await passes(officer, "wrong-patient-officer");
  unblemished(officer);
});

test("its_author_gives_it_to_the_right_patient_by_number", async () => {
  await carla.goto("/patients");
  await carla.getByRole("link", { name: "Reported to me" }).click();
  await carla.locator(".rows").getByRole("link", { name: `${ZOE.name}, ${ZOE.patient}` }).waitFor();
  await passes(carla, "wrong-patient-own");
  await carla.getByRole("link", { name: "Open it and decide" }).click();
  await decoded(carla);
  await carla.getByText(WORDS).waitFor();
  await carla.getByText(ZOE.patient).waitFor();
  await passes(carla, "wrong-patient-decide");

  await carla.getByLabel("exact record number").fill("4712");
  await carla.getByRole("button", { name: "Give it to this patient" }).click();
  await carla.getByText("You treat no patient of this number").waitFor();
  await passes(carla, "wrong-patient-nobody");
  await carla.goto("/corrections/own");
  await carla.getByRole("link", { name: "Open it and decide" }).click();
  await carla.getByLabel("exact record number").fill(KWAME.patient);
  await carla.getByRole("button", { name: "Give it to this patient" }).click();
  await carla.getByText("Nothing waits for a decision").waitFor();

  assert.ok((await stage.waits(carla, KWAME, 2)).includes(wrong));
  await carla.locator(`.timeline a[href$="${wrong}"]`).click();
  await decoded(carla);
  await carla.getByText(/Given to this patient by Carla Clinician \(carla\)/).waitFor();
  await carla.getByRole("heading", { name: KWAME.name }).waitFor();
  await passes(carla, "wrong-patient-moved");
  await carla.goto("/decided/own");
  await carla.getByText(`From patient ${ZOE.name}, ${ZOE.patient}`).waitFor();
  await passes(carla, "wrong-patient-decided-own");
  await carla.goto("/account");
  await carla.getByRole("link", { name: `${KWAME.name}, ${KWAME.patient}` }).first().waitFor();
  await carla.locator(".log").scrollIntoViewIfNeeded();
  await passes(carla, "wrong-patient-account");
  assert.equal((await stage.waits(carla, ZOE, 2)).includes(wrong), false);
  // Whoever reported it treats the first patient alone.
  assert.equal((await nils.goto(`/pictures/${wrong}`)).status(), 404);
  assert.equal(await stage.sees(nils, KWAME), false);
  unblemished(carla, nils);
});

test("both_are_on_record", async () => {
  await officer.goto("/corrections");
  await officer.getByText("Nothing waits for a decision").waitFor();
  const record = await stage.record();
  const entry = (who, what) => record.find((row) => row.includes(who) && row.includes(what));
  assert.ok(entry("Nils Nachtdienst", "put a picture out of sight"), record.join("\n"));
  assert.ok(entry("Carla Clinician", "gave a reported picture to another patient"), record.join("\n"));
  assert.doesNotMatch(record.join("\n"), /Quittl|77812|Osei|4711/, "the log names no patient");
  await passes(officer, "wrong-patient-log");
  await officer.goto("/decided");
  await officer.getByText("From patient").waitFor();
  assert.doesNotMatch(await officer.locator("main").innerText(), /Quittl|77812|Osei|4711/);
  await passes(officer, "wrong-patient-decided");

  await officer.goto("/reports");
  await officer.locator("#number").fill(ZOE.patient);
  await officer.getByRole("button", { name: "Make the report" }).first().click();
  await officer.locator("table").waitFor();
  const rows = await officer.locator("tbody tr").allInnerTexts();
  assert.ok(rows.some((row) => row.includes("Nils Nachtdienst") && row.includes(wrong)), rows.join("\n"));
  await passes(officer, "wrong-patient-seen-by");
  unblemished(officer);
});
