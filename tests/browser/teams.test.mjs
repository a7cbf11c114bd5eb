// A team treats a patient: the admin says who is in it, a clinician says whom it treats, and each of them sees only their half.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { passes } from "./judge.mjs";
import { Stage, ZOE } from "./stage.mjs";
import { adds, unblemished } from "./staff.mjs";
import { decoded, timeline } from "./viewer.mjs";

const TEAM = "Wound care";

let stage, admin, carla, nils, officer, patient, team;

before(async () => {
  stage = await Stage.open();
  ({ admin, carla, nils, officer } = stage);
  await stage.clinic.phone("phone", "Room 3", "carla");
  await stage.clinic.sends("phone", ZOE, ...await stage.photographs(2));
  await stage.waits(carla, ZOE, 2);
  patient = new URL(carla.url()).pathname;
});

after(() => stage?.close());

/** The admin puts somebody into the team. */
const puts = async (id, name) => {
  await admin.goto(team);
  await admin.selectOption("#person", id);
  await admin.getByRole("button", { name: "Put in, on record" }).click();
  await admin.locator(".rows").getByRole("link", { name }).waitFor();
};

/** Whether this page is shown to somebody, or does not exist for them. */
const shows = async (page, path) => (await page.goto(path)).status() === 200;

test("an_admin_makes_a_team_and_no_team_of_a_name_that_there_is", async () => {
  await admin.getByRole("link", { name: "Teams" }).click();
  await admin.getByText("No teams yet").waitFor();
  await passes(admin, "teams-none");
  await admin.fill("#name", TEAM);
  await admin.getByRole("button", { name: "Make it" }).click();
  await admin.getByRole("heading", { name: TEAM, level: 1 }).waitFor();
  team = new URL(admin.url()).pathname;
  await passes(admin, "team-empty");
  await puts("nils", "Nils Nachtdienst");
  await passes(admin, "team");
  await admin.goto("/teams");
  await admin.fill("#name", TEAM);
  await admin.getByRole("button", { name: "Make it" }).click();
  await admin.getByText("there is a team of this name").waitFor();
  await passes(admin, "teams");
  unblemished(admin);
});

test("whoever_is_in_a_team_sees_whom_it_treats_and_not_any_more_when_they_are_out", async () => {
  assert.equal(await shows(nils, patient), false);
  await carla.goto(patient);
  await carla.locator(".team > summary").click();
  await carla.selectOption("#team-term", "month");
  await passes(carla, "teams-patient-form");
  await carla.getByRole("button", { name: "Add the team, on record" }).click();
  await carla.locator(".team > summary", { hasText: `${TEAM} (1, until 20` }).waitFor();
  await carla.locator(".team > summary").click();
  await passes(carla, "teams-patient");

  assert.ok(await stage.sees(nils, ZOE), "not listed");
  assert.equal((await timeline(nils)).length, 2);
  await nils.locator(".timeline a").first().click();
  await decoded(nils);
  await passes(nils, "teams-picture");
  const picture = new URL(nils.url()).pathname;

  await admin.goto(team);
  assert.match(await admin.locator(".facts").innerText(), /members: 1[^]*patients: 1/);
  assert.doesNotMatch(await admin.locator("body").innerText(), /Quittl|77812/);
  await admin.getByRole("button", { name: "Take out: Nils Nachtdienst" }).click();
  await admin.getByText("Nobody is in this team").waitFor();
  assert.equal(await shows(nils, picture), false);
  assert.equal(await stage.sees(nils, ZOE), false);
  unblemished(admin, carla);
});

test("whoever_comes_into_a_team_that_treats_somebody_waits_for_the_officer", async () => {
  const olga = await stage.begins("olga", await adds(admin, "olga", "Olga Oberärztin", "clinician"));
  await puts("olga", "Olga Oberärztin");
  await puts("nils", "Nils Nachtdienst");
  await officer.goto("/care-review");
  const row = (name) => officer.locator(".rows li", { hasText: name });
  await row("Olga").waitFor();
  assert.doesNotMatch(await officer.locator("main").innerText(), /Quittl|77812/);
  await passes(officer, "teams-officer");
  await row("Olga").getByRole("button", { name: "Take out" }).click();
  await row("Olga").waitFor({ state: "detached" });
  await row("Nils").getByRole("button", { name: "They may stay" }).click();
  await officer.getByText("Nobody new").waitFor();
  assert.equal(await shows(olga, patient), false, "the officer took her out");
  assert.ok(await shows(nils, patient), "the officer left him in");
  unblemished(officer);
});

test("a_team_that_is_dissolved_treats_nobody", async () => {
  await admin.goto(team);
  await admin.getByLabel("Name").fill("Wounds, second floor");
  await admin.getByRole("button", { name: "Change" }).click();
  await admin.getByRole("heading", { name: "Wounds, second floor", level: 1 }).waitFor();
  await admin.getByText("Dissolve this team").click();
  await passes(admin, "team-dissolve");
  await admin.getByRole("button", { name: "Dissolve it" }).click();
  await admin.getByText("No teams yet").waitFor();
  assert.equal(await shows(nils, patient), false);
  await carla.goto(patient);
  assert.doesNotMatch(await carla.locator(".team > summary").innerText(), /Wound/);

  const log = await stage.record();
  for (const [who, what] of [
    ["Ada Admin", "made a team"], ["Ada Admin", "put a person into a team"], ["Ada Admin", "renamed a team"], ["Ada Admin", "dissolved a team"],
    ["Carla Clinician", "added a team to a care team"], ["Petra Privacy", "took a person out of a team"], ["Petra Privacy", "confirmed a person in a team"],
  ]) assert.ok(log.some((row) => row.includes(who) && row.includes(what)), `${who}, ${what}: ${log.join("\n")}`);
  unblemished(admin, carla, officer);
});
