// A picture that leaves the console: by whoever may, for a reason, with a mark of who took it out.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { passes } from "./judge.mjs";
import { Stage, ZOE } from "./stage.mjs";
import { unblemished } from "./staff.mjs";
import { decoded } from "./viewer.mjs";

const WORDS = "For the dermatologist in town who treats her";

let stage, admin, carla, officer, sent, picture;

before(async () => {
  stage = await Stage.open();
  ({ admin, carla, officer } = stage);
  [sent] = await stage.photographs(1);
  await stage.clinic.phone("phone", "Room 3", "carla");
  await stage.clinic.sends("phone", ZOE, sent);
  await stage.waits(carla, ZOE, 1);
  await carla.locator(".timeline a").click();
  await decoded(carla);
  picture = carla.url();
});

after(() => stage?.close());

/** How a marked picture differs from the one that was sent: the largest channel's difference, pixel by pixel, in the band along the lower edge and above. */
const compared = (page, before, after) => page.evaluate(async (files) => {
  const [one, other] = await Promise.all(files.map(async (file) => {
    const bytes = Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const pen = canvas.getContext("2d");
    pen.drawImage(bitmap, 0, 0);
    return pen.getImageData(0, 0, bitmap.width, bitmap.height);
  }));
  if (one.width !== other.width || one.height !== other.height) return { sizes: [one.width, one.height, other.width, other.height] };
  const band = 11 * Math.max(1, Math.floor(Math.min(one.width, one.height) / 320));
  const tally = () => ({ pixels: 0, alike: 0, dark: 0, white: 0, gone: 0 });
  const [above, below] = [tally(), tally()];
  for (let y = 0; y < one.height; y++) for (let x = 0; x < one.width; x++) {
    const at = 4 * (y * one.width + x);
    const place = y < one.height - band ? above : below;
    const light = (of) => of.data[at] + of.data[at + 1] + of.data[at + 2];
    const by = Math.max(...[0, 1, 2].map((part) => Math.abs(one.data[at + part] - other.data[at + part])));
    place.pixels++;
    if (by <= 16) place.alike++;
    // More than a mark that lets the picture through, and the coding around it.
    if (by > 110) place.gone++;
    if (light(other) < 0.4 * light(one)) place.dark++;
    if (light(other) > 700) place.white++;
  }
  return { band, above, below };
}, [before, after].map((file) => file.toString("base64")));

test("without_the_right_there_is_no_way_out_for_a_picture", async () => {
  assert.equal(await carla.getByText("Download", { exact: true }).count(), 0);
  assert.equal(await carla.locator("form[action$='/download']").count(), 0);
  // A form that was made by hand, from this page, with all that it needs.
  const status = await carla.evaluate(async (words) => {
    const token = document.querySelector("input[name=token]").value;
    const answer = await fetch(`${location.pathname}/download`, { method: "POST", body: new URLSearchParams({ token, purpose: "referral", words }) });
    return answer.status;
  }, WORDS);
  assert.equal(status, 404);
  carla.faults.splice(0, Infinity, ...carla.faults.filter((fault) => !fault.includes("/download")));
  unblemished(carla);
});

test("with_the_right_and_a_reason_a_marked_jpeg_is_saved_and_the_log_says_so", async () => {
  await admin.goto("/people");
  const row = admin.locator(".rows li").filter({ hasText: "Carla Clinician" });
  await row.getByRole("button", { name: "Allow downloads" }).click();
  await row.getByText("may download").waitFor();
  await passes(admin, "download-people");

  await carla.goto(picture);
  await carla.getByText("Download", { exact: true }).click();
  await carla.getByLabel("A colleague elsewhere treats the patient").check();
  await carla.getByLabel("In your own words", { exact: true }).fill(WORDS);
  await passes(carla, "download-form");
  const saving = carla.waitForEvent("download");
  await carla.getByRole("button", { name: "Download, on record" }).click();
  const saved = await saving;
  const id = new URL(picture).pathname.split("/").pop();
  assert.match(saved.suggestedFilename(), new RegExp(`^safelight-${id.slice(0, 8)}-20\\d\\d-\\d\\d-\\d\\d\\.jpg$`));
  const marked = readFileSync(await saved.path());
  assert.deepEqual([...marked.subarray(0, 3)], [0xff, 0xd8, 0xff]);

  const same = await compared(carla, readFileSync(sent), readFileSync(sent));
  assert.ok(same.above.alike === same.above.pixels && same.below.alike === same.below.pixels && same.below.white < 0.5 * same.below.pixels, "the control");
  const found = await compared(carla, readFileSync(sent), marked);
  const told = JSON.stringify(found);
  const share = (place, what) => place[what] / place.pixels;
  assert.ok(share(found.below, "dark") > 0.6 && share(found.below, "white") > 0.05 && share(found.below, "alike") < 0.05, `the band is no band: ${told}`);
  assert.ok(share(found.above, "alike") > 0.96 && share(found.above, "dark") < 0.0005, `the picture itself is changed: ${told}`);
  assert.ok(share(found.above, "alike") < 0.995, `nothing goes across the picture: ${told}`);
  assert.ok(share(found.above, "gone") < 0.0005, `the mark hides what is under it: ${told}`);

  const record = await stage.record();
  const entry = record.find((line) => line.includes("downloaded a picture"));
  assert.ok(entry?.includes("Carla Clinician") && entry.includes("referral"), record.join("\n"));
  assert.doesNotMatch(record.join("\n"), /dermatologist|Quittl/, "what was said is sealed");
  await passes(officer, "download-log");
  unblemished(admin, carla, officer);
});

test("a_right_that_is_taken_back_takes_the_button_with_it", async () => {
  await admin.goto("/people");
  const row = admin.locator(".rows li").filter({ hasText: "Carla Clinician" });
  await row.getByRole("button", { name: "Stop downloads" }).click();
  await row.getByText("may download").waitFor({ state: "detached" });
  await carla.goto(picture);
  await decoded(carla);
  assert.equal(await carla.locator("form[action$='/download']").count(), 0);
  unblemished(admin, carla);
});
