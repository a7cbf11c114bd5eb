// Who treats a patient says who sees them: a colleague is let in and out by a member of the care team, and whoever is not sure asks the officer.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { passes } from "./judge.mjs";
import { Stage, ZOE } from "./stage.mjs";
import { unblemished } from "./staff.mjs";
import { decoded, timeline } from "./viewer.mjs";

let stage, carla, nils, officer, patient;

before(async () => {
  stage = await Stage.open();
  ({ carla, nils, officer } = stage);
  await stage.clinic.phone("phone", "Room 3", "carla");
  await stage.clinic.sends("phone", ZOE, ...await stage.photographs(2));
  await stage.waits(carla, ZOE, 2);
  patient = new URL(carla.url()).pathname;
});

after(() => stage?.close());

/** The patient does not exist for this person. */
const unseen = async (page) => {
  assert.equal((await page.goto(patient)).status(), 404);
  await page.getByRole("heading", { name: "Not found" }).waitFor();
  assert.equal(await stage.sees(page, ZOE), false, "the list still names them");
};

test("a_colleague_who_is_added_sees_the_patient_at_once_and_not_any_more_when_it_is_ended", async () => {
  await unseen(nils);
  await carla.locator(".team > summary").click();
  await passes(carla, "care-team-form");
  await carla.locator(".team > summary").click();
  await stage.lets(carla, "nils");
  await carla.getByText(/Nils Nachtdienst \(nils\) until 20\d\d-/).waitFor();
  await carla.locator(".team > summary").click();
  await passes(carla, "care-team-added");

  assert.ok(await stage.sees(nils, ZOE), "not listed");
  assert.equal((await timeline(nils)).length, 2);
  await nils.locator(".timeline a").first().click();
  await decoded(nils);
  const picture = nils.url();
  await nils.getByText("Who has looked").waitFor();
  await passes(nils, "care-team-picture");
  // Nobody ends what they have not added.
  await nils.goto(patient);
  await nils.locator(".team > summary").click();
  assert.equal(await nils.getByRole("button", { name: /^Remove/ }).count(), 0);

  await carla.getByRole("button", { name: "Remove Nils Nachtdienst (nils)" }).click();
  await carla.locator(".team > summary").filter({ hasNotText: "nils" }).waitFor();
  assert.equal((await nils.goto(picture)).status(), 404);
  await unseen(nils);
  await passes(nils, "care-team-ended");
  unblemished(carla, nils);
});

test("a_refusal_is_told_above_the_form_with_what_was_typed_still_in_it", async () => {
  await carla.goto(patient);
  await carla.locator(".team > summary").click();
  await carla.fill("#colleague", "nobody");
  await carla.selectOption("#term", "week");
  await carla.locator(".team input[name=unsure]").first().check();
  const send = carla.locator(".team form.add button");
  await send.click();
  const told = carla.locator(".team form.add > [role=alert]");
  await told.waitFor();
  assert.match(await told.innerText(), /no colleague|clinician/i);
  assert.equal(new URL(carla.url()).pathname, patient, "the page stays");
  assert.deepEqual(await carla.locator("form.add").evaluate((form) =>
    [form.person.value, form.term.value, form.unsure.checked]), ["nobody", "week", true]);
  await passes(carla, "care-team-refused");
  // A gateway that does not answer loses nothing either, and whatever was told before is told no more.
  await carla.context().setOffline(true);
  await send.click();
  await told.filter({ hasText: "did not answer" }).waitFor();
  assert.equal(await told.count(), 1);
  await carla.context().setOffline(false);
  carla.faults.splice(0, Infinity, ...carla.faults.filter((fault) => !/ 422 |ERR_INTERNET_DISCONNECTED/.test(fault)));
  // Without script it is a page of its own, inside the console, that leads back.
  await carla.locator("form.add").evaluate((form) => form.removeAttribute("data-in-place"));
  await Promise.all([carla.waitForEvent("load"), send.click()]);
  await carla.getByRole("heading", { name: "Not done" }).waitFor();
  await passes(carla, "care-team-refused-page");
  await carla.getByRole("link", { name: "Back" }).click();
  await carla.locator(".team > summary").waitFor();
  assert.equal(new URL(carla.url()).pathname, patient);
  unblemished(carla);
});

test("whoever_is_not_sure_asks_the_officer_who_ends_it", async () => {
  await officer.goto("/care-review");
  await officer.getByText("Nobody has asked").waitFor();
  await carla.goto(patient);
  await stage.lets(carla, "nils", { term: "week", unsure: true });
  assert.ok(await stage.sees(nils, ZOE), "they see the patient until the officer ends it");

  await officer.goto("/care-review");
  const row = officer.locator(".rows li");
  assert.equal(await row.count(), 1);
  assert.match(await row.innerText(), /Nils Nachtdienst \(nils\)[^]*added by Carla Clinician \(carla\), until 20\d\d-/);
  assert.doesNotMatch(await officer.locator("main").innerText(), /Quittl|77812/);
  await passes(officer, "care-team-officer");
  await officer.getByRole("button", { name: "End it" }).click();
  await officer.getByText("Nobody has asked").waitFor();
  await unseen(nils);

  const record = await stage.record();
  const entries = (who, what) => record.filter((row) => row.includes(who) && row.includes(what)).length;
  assert.equal(entries("Carla Clinician", "added a colleague to a care team"), 2, record.join("\n"));
  assert.equal(entries("Carla Clinician", "ended a place on a care team"), 1, record.join("\n"));
  assert.equal(entries("Petra Privacy", "ended a place on a care team"), 1, record.join("\n"));
  unblemished(carla, nils, officer);
});
