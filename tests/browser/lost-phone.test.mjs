// A phone that is lost: shut out by whoever misses it, or by an admin, and from then on nothing that it sends is taken.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { passes } from "./judge.mjs";
import { Stage, ZOE } from "./stage.mjs";
import { unblemished } from "./staff.mjs";

let stage, admin, carla, nils, photos;

before(async () => {
  stage = await Stage.open();
  ({ admin, carla, nils } = stage);
  photos = await stage.photographs(3);
  await stage.clinic.phone("own", "Room 3", "carla");
  await stage.clinic.phone("other", "Ward 4", "nils");
  await stage.clinic.sends("own", ZOE, photos[0]);
  await stage.waits(carla, ZOE, 1);
});

after(() => stage?.close());

/** What this phone sends is not taken, and it is told that it may not. */
const refused = (phone, photo) => assert.rejects(stage.clinic.sends(phone, ZOE, photo), (error) => {
  assert.match(`${error.stderr}`, /revoked/i);
  return true;
});

test("a_lost_phone_is_shut_out_at_once_by_whoever_misses_it", async () => {
  await nils.goto("/account");
  assert.doesNotMatch(await nils.locator("main").innerText(), /Room 3/, "a phone of somebody else");
  await carla.getByRole("link", { name: "Account" }).click();
  await carla.getByText("I have lost it").click();
  await carla.getByText("at once and for good").waitFor();
  await passes(carla, "lost-phone-account");
  await carla.getByRole("button", { name: "Shut it out now" }).click();
  await carla.locator(".state.revoked").waitFor();
  assert.equal(await carla.getByText("I have lost it").count(), 0);
  await passes(carla, "lost-phone-revoked");

  await refused("own", photos[1]);
  await stage.clinic.sends("other", ZOE, photos[2]);
  await stage.waits(nils, ZOE, 2);
  assert.equal((await stage.waits(carla, ZOE, 2)).length, 2, "the one of before, and that of the other phone");
  const record = await stage.record();
  const lost = record.find((row) => row.includes("reported the own phone as lost"));
  assert.ok(lost?.includes("Carla Clinician") && lost.includes("Room 3"), record.join("\n"));
  await passes(stage.officer, "lost-phone-log");
  unblemished(carla, nils, stage.officer);
});

test("an_admin_revokes_another", async () => {
  await admin.goto("/devices");
  const row = admin.locator("#devices li").filter({ hasText: "Ward 4" });
  const gone = admin.locator("#devices li").filter({ hasText: "Room 3" });
  assert.equal(await gone.getByRole("button").count(), 0, "it is shut out already");
  await row.locator("summary", { hasText: "Revoke" }).click();
  await row.getByRole("button", { name: "Revoke at once" }).click();
  await row.locator(".state.revoked").waitFor();
  await passes(admin, "lost-phone-devices");
  await refused("other", photos[1]);
  assert.equal((await stage.waits(carla, ZOE, 2)).length, 2);
  unblemished(admin, carla);
});
