// Passkeys as a browser makes and shows them, with an authenticator of its own inside (Web Authentication's testing interface): nothing of what it signs is
// ours. What no real authenticator does is tried in tests/tests/console/passkeys.rs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Clinic } from "./clinic.mjs";
import { adds, joins, launch, sit } from "./staff.mjs";

let clinic, browser, admin, clinician;

before(async () => {
  clinic = await Clinic.open();
  browser = await launch({ more: await clinic.trusted() });
  [admin, clinician] = [await sit(browser, clinic), await sit(browser, clinic)];
  for (const page of [admin, clinician]) page.authenticator = await authenticator(page);
});

after(async () => {
  await browser?.close();
  await clinic?.close();
});

/** One that asks for a finger, as phones and computers have them, and finds the right one until it is told otherwise. */
const authenticator = async (page) => {
  const session = await page.context().newCDPSession(page);
  await session.send("WebAuthn.enable");
  const options = { protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
    automaticPresenceSimulation: true };
  const { authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", { options });
  return {
    finger: (isUserVerified) => session.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified }),
    passkeys: async () => (await session.send("WebAuthn.getCredentials", { authenticatorId })).credentials,
  };
};

const place = (page) => new URL(page.url()).pathname;
const logsOut = (page) => page.getByRole("button", { name: "Log out" }).click();

test("the_first_admin_begins_with_a_passkey_and_comes_back_with_it", async () => {
  await admin.goto("/join");
  await admin.fill("#code", clinic.code());
  await admin.click("main button");
  // Who it is stands in the other form, and is asked for.
  await admin.click("#passkey-join");
  assert.equal(place(admin), "/join");
  assert.equal((await admin.authenticator.passkeys()).length, 0);
  await admin.fill("#id", "ada.admin");
  await admin.fill("#name", "Ada Admin");
  await admin.click("#passkey-join");
  await admin.waitForURL("**/setup");
  const [passkey] = await admin.authenticator.passkeys();
  assert.ok(passkey.isResidentCredential && passkey.rpId === "localhost" && passkey.userName === "ada.admin");

  await logsOut(admin);
  await admin.waitForURL("**/login");
  await admin.click("#passkey-login");
  await admin.waitForURL("**/setup");
  await admin.goto("/account");
  await admin.locator("#passkeys").getByText("last used").waitFor();
  await admin.getByRole("button", { name: "Remove" }).click();
  await admin.getByText("the only way in").waitFor();
  assert.deepEqual(admin.faults, []);
});

test("whoever_has_a_password_adds_a_passkey_and_the_wrong_finger_opens_nothing", async () => {
  await joins(clinician, await adds(admin, "carla", "Carla Clinician", "clinician"));
  await clinician.goto("/account");
  await clinician.fill("#passkey-name", "Room 3");
  await clinician.click("#passkey-add");
  await clinician.locator("#passkeys").getByText("Room 3").waitFor();
  await logsOut(clinician);
  await clinician.authenticator.finger(false);
  await clinician.click("#passkey-login");
  await clinician.locator("#passkey-login-form [role=alert]").waitFor();
  assert.equal(place(clinician), "/login");
  await clinician.authenticator.finger(true);
  await clinician.click("#passkey-login");
  await clinician.waitForURL("**/patients");
  assert.deepEqual(clinician.faults, []);
});

test("whoever_s_account_is_set_up_anew_is_told_on_every_page_until_they_say_that_they_know", async () => {
  await admin.goto("/people");
  await admin.locator("li", { hasText: "Carla Clinician" }).getByText("New code", { exact: true }).click();
  await admin.locator("form[action='/people/carla/code'] button").click();
  await admin.locator(".notice .words").waitFor();
  for (const page of ["/patients", "/account"]) {
    await clinician.goto(page);
    await clinician.locator("#reset-notice").getByText("ada.admin").waitFor();
  }
  await clinician.locator("#reset-notice button").click();
  await clinician.waitForURL("**/account");
  assert.equal(await clinician.locator("#reset-notice").count(), 0);
  await clinician.locator(".log").getByText("read that their account could be set up anew").first().waitFor();
  assert.deepEqual(clinician.faults, []);
});

test("under_an_address_without_the_console_s_name_no_passkey_is_offered", async () => {
  const page = await sit(browser, clinic);
  await page.goto(clinic.console.replace("localhost", "127.0.0.1") + "/login");
  await page.locator("#login-form").waitFor();
  assert.equal(await page.locator("#passkey-login-form").isVisible(), false);
  await page.goto("/login");
  assert.equal(await page.locator("#passkey-login-form").isVisible(), true, "the control");
});
