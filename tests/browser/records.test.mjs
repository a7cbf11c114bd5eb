// One patient with two records, and one who gets another number: whoever treats them says so, looks at both first, and the officer can undo it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { passes } from "./judge.mjs";
import { KWAME, Stage, ZOE } from "./stage.mjs";
import { unblemished } from "./staff.mjs";
import { decoded, timeline } from "./viewer.mjs";

/** Taken in at night, before anybody had found her papers. */
const UNKNOWN = { ...ZOE, patient: "NIGHT-0007", name: "Unknown, female" };
const WORDS = "Her papers were found this morning";

let stage, carla, nils, officer, photos;
/** Where the pages of both records were before anything was done. */
let record, second;

before(async () => {
  stage = await Stage.open();
  ({ carla, nils, officer } = stage);
  photos = await stage.photographs(3);
  await stage.clinic.phone("phone", "Room 3", "carla");
  await stage.clinic.sends("phone", ZOE, photos[0], photos[1]);
  await stage.clinic.sends("phone", UNKNOWN, photos[2]);
  await stage.clinic.sends("phone", KWAME, photos[0]);
  await stage.waits(carla, KWAME, 1);
  await stage.waits(carla, UNKNOWN, 1);
  second = new URL(carla.url()).pathname;
  await stage.waits(carla, ZOE, 2);
  record = new URL(carla.url()).pathname;
});

after(() => stage?.close());

/** From a patient's page to the two records beside each other. */
const compares = async (page, number) => {
  await page.goto(record);
  await page.getByRole("link", { name: "Merge records, or change the number" }).click();
  await page.locator("#other").fill(number);
  await page.getByRole("button", { name: "Look at both, on record" }).click();
};

const gives = async (page, reason, words) => {
  await page.getByLabel(reason).check();
  await page.getByLabel("In your own words").last().fill(words);
};

test("a_number_of_somebody_else_s_patient_is_nobody_s", async () => {
  await stage.lets(carla, "nils");
  await nils.goto(record);
  const answers = [];
  for (const number of [KWAME.patient, "4712"]) {
    await compares(nils, number);
    await nils.getByRole("alert").getByText("You treat no patient of this number").waitFor();
    assert.equal(await nils.inputValue("#other"), number, "what was typed stands there again");
    answers.push(await nils.locator("main").innerText());
  }
  assert.equal(answers[0], answers[1]);
  assert.doesNotMatch(answers[0], /Osei/);
  await passes(nils, "records-nobody");
});

test("two_records_of_one_patient_are_looked_at_and_become_one", async () => {
  await carla.goto(record);
  await carla.getByRole("link", { name: "Merge records, or change the number" }).click();
  await passes(carla, "records");
  await compares(carla, UNKNOWN.patient);
  await carla.getByRole("heading", { name: "Are these one patient?" }).waitFor();
  const shown = await carla.locator("main").innerText();
  for (const words of [ZOE.name, ZOE.patient, UNKNOWN.name, UNKNOWN.patient]) assert.ok(shown.includes(words), `${words}: ${shown}`);
  await carla.locator(".problem").waitFor();
  await passes(carla, "records-compare");
  await gives(carla, "The patient was taken in twice", WORDS);
  await carla.getByRole("button", { name: "Merge, on record" }).click();

  await carla.getByRole("heading", { name: ZOE.name, level: 1 }).waitFor();
  assert.equal((await timeline(carla)).length, 3);
  await carla.getByText(`also ${UNKNOWN.patient}`).waitFor();
  await passes(carla, "records-merged");
  // The old page leads to the patient, and its name stands in no list any more.
  await carla.goto(second);
  await carla.getByRole("heading", { name: ZOE.name, level: 1 }).waitFor();
  assert.equal(await stage.sees(carla, UNKNOWN), false);
  await carla.fill("#query", UNKNOWN.patient);
  await carla.getByRole("link", { name: ZOE.name }).waitFor();
  // A phone goes on with the number that it knows.
  await stage.clinic.sends("phone", UNKNOWN, photos[1]);
  await stage.waits(carla, ZOE, 4);
  // Whoever treats the patient for a time sees what has come to them.
  await nils.goto(record);
  assert.equal((await timeline(nils)).length, 4);
  await nils.locator(".timeline a").first().click();
  await decoded(nils);
  unblemished(carla, nils);
});

test("a_record_gets_another_number_and_is_found_by_both", async () => {
  await stage.sees(carla, KWAME);
  await carla.getByRole("link", { name: "Merge records, or change the number" }).click();
  await carla.locator("#number").fill("2026-04711");
  await gives(carla, "The number was for a while", "The hospital has given numbers of its own");
  await carla.getByRole("button", { name: "Give the record this number, on record" }).click();
  await carla.getByRole("heading", { name: KWAME.name, level: 1 }).waitFor();
  const facts = await carla.locator(".facts").innerText();
  assert.match(facts, /2026-04711[^]*also 4711/);
  await passes(carla, "records-renumbered");
  for (const number of ["2026-04711", "4711"]) {
    await carla.goto("/patients");
    await carla.fill("#query", number);
    await carla.locator("#found").getByRole("link", { name: KWAME.name }).waitFor();
  }
  unblemished(carla);
});

test("the_officer_sees_both_without_names_and_undoes_one", async () => {
  await officer.goto("/merges");
  const rows = officer.locator(".rows li");
  assert.equal(await rows.count(), 2);
  const merged = rows.filter({ hasText: WORDS });
  assert.match(await merged.innerText(), /Merged[^]*is shown as[^]*by Carla Clinician \(carla\)/);
  assert.doesNotMatch(await officer.locator("main").innerText(), /Quittl|Osei|77812|4711|NIGHT/);
  await passes(officer, "records-officer");
  await merged.getByRole("button", { name: "Undo, on record" }).click();
  await rows.filter({ hasText: WORDS }).getByText(/Undone by/).waitFor();
  await passes(officer, "records-undone");

  assert.equal((await stage.waits(carla, ZOE, 2)).length, 2);
  assert.equal((await stage.waits(carla, UNKNOWN, 2)).length, 2, "what came meanwhile is of its own number");
  await stage.waits(carla, KWAME, 1);
  // Nils was let in to the first record alone.
  assert.equal((await nils.goto(second)).status(), 404);
  assert.equal((await nils.goto(record)).status(), 200);

  const log = await stage.record();
  const entry = (who, what) => log.some((row) => row.includes(who) && row.includes(what));
  for (const [who, what] of [
    ["Carla Clinician", "merged two records of one patient"], ["Carla Clinician", "gave a record another number"],
    ["Petra Privacy", "undid a merge, or another number"], ["Nils Nachtdienst", "wanted to merge or give a number that is not theirs to use"],
  ]) assert.ok(entry(who, what), `${who}, ${what}: ${log.join("\n")}`);
  assert.doesNotMatch(log.join("\n"), /Quittl|Osei|77812|NIGHT/);
  unblemished(carla, officer);
});
