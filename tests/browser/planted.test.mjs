// What somebody plants in a name, a note or a phone's name is text on every page; and what one person's browser was given is of no use to another.
//
// Attacker: a phone's owner, a patient who chooses what they are called, an admin who is tricked into a name. They want a script in somebody else's
// session. Autoescaping meets it, and behind that a policy that runs no script of a page.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Clinic, until } from "./clinic.mjs";
import { photograph } from "./photographs.mjs";
import { adds, joins, launch, sit } from "./staff.mjs";
import { walk } from "./walk.mjs";

const PLANTED = {
  script: "<script>window.__pwned=1;alert(1)</script>",
  image: "<img src=x onerror=\"window.__pwned=1;alert(2)\">",
  attribute: "\"><svg onload=\"window.__pwned=1;alert(3)\">",
  template: "{{7*7}}${7*7}<%= 7*7 %>",
  htmx: "<a hx-get=\"/log\" hx-trigger=\"load\" hx-on::load=\"alert(4)\">",
  bidi: "\u202egnp.exe\u202c",
};

let clinic, browser, admin, clinician, officer;

before(async () => {
  browser = await launch();
  clinic = await Clinic.open();
  [admin, clinician, officer] = [await sit(browser, clinic), await sit(browser, clinic), await sit(browser, clinic)];
  await joins(admin, clinic.code(), { id: "ada.admin", name: PLANTED.script });
  await joins(clinician, await adds(admin, "carla", PLANTED.image, "clinician"));
  await joins(officer, await adds(admin, "petra", PLANTED.attribute, "privacy-officer"));
  for (const [n, name] of [PLANTED.image, PLANTED.attribute, PLANTED.template].entries()) await clinic.phone(`phone${n}`, name, "carla", PLANTED.script);
  const photo = await photograph(admin, clinic.at("photo.jpg"), { size: [640, 480] });
  let number = 0;
  for (const words of Object.values(PLANTED)) {
    const label = { patient: `${++number}`, name: words, birth_date: "1961-02-03", site: "left forearm", view: words, note: words, consent: "record" };
    // Characters that turn a line round are refused before anything is sent; then there is nothing to show.
    await clinic.sends("phone0", label, photo, photo).catch((error) => {
      assert.equal(words, PLANTED.bidi, `${error.stderr}`);
      number--;
    });
  }
  await until("the patients", async () => {
    await clinician.goto("/patients");
    return await clinician.locator(".patients li").count() === number;
  });
});

after(async () => {
  await browser?.close();
  await clinic?.close();
});

/** Nothing that was planted is more than text here. */
const textAlone = async (page, where) => {
  const found = await page.evaluate(() => ({
    ran: "__pwned" in window,
    elements: document.querySelectorAll("main script, main svg[onload], img[onerror], [hx-on\\:\\:load], main [onload], header script, header img, a[hx-get]").length,
    computed: /(^|[^\d])49([^\d]|$)/.test(document.querySelector("h1")?.textContent ?? ""),
  }));
  assert.deepEqual(found, { ran: false, elements: 0, computed: false }, where);
  assert.deepEqual(page.faults, [], where);
};

test("c03_what_is_planted_in_names_and_notes_is_text_on_every_page", async () => {
  const shown = new Set();
  const look = (page) => async (kind) => {
    await page.waitForLoadState("load");
    await textAlone(page, kind);
    const text = await page.locator("body").innerText();
    for (const [name, words] of Object.entries(PLANTED)) if (text.includes(words)) shown.add(`${name} ${kind}`);
  };
  for (const page of [admin, clinician, officer]) {
    await page.goto("/");
    await walk(page, "/", look(page), 8);
  }
  for (const where of ["script /people", "image /devices", "attribute /devices", "template /devices", "image /patients", "attribute /patients/id", "htmx /pictures/id"]) {
    assert.ok(shown.has(where), `${where} was not on the way: ${[...shown].join(", ")}`);
  }

  // What was typed comes back as text too, with scripts and without.
  await clinician.goto("/patients");
  for (const words of Object.values(PLANTED)) {
    const answered = clinician.waitForResponse((answer) => answer.url().endsWith("/patients/found"));
    await clinician.fill("#query", words);
    await answered;
    await textAlone(clinician, "/patients/found");
  }
  await clinician.goto("/emergency");
  await clinician.fill("#number", PLANTED.attribute);
  await clinician.locator("input[name=reason]").first().check();
  await clinician.fill("#words", `</textarea>${PLANTED.script}`);
  await clinician.locator("main form button").click();
  await textAlone(clinician, "/emergency");
  assert.equal(await clinician.inputValue("#number"), PLANTED.attribute);
  assert.equal(await clinician.inputValue("#words"), `</textarea>${PLANTED.script}`);
  await admin.goto("/devices");
  await admin.fill("#name", PLANTED.script);
  await admin.click(".add button");
  await textAlone(admin, "/devices");
});

test("c03_a_script_that_came_into_a_page_would_be_seen_and_would_not_run", async () => {
  const page = await sit(browser, clinic);
  await page.goto("/login");
  await page.evaluate((words) => { document.querySelector("main").innerHTML = words; }, PLANTED.image);
  await until("the refusal", () => page.faults.some((fault) => /Content Security Policy/.test(fault)));
  assert.equal(await page.evaluate(() => "__pwned" in window), false);
  await page.context().close();
});

test("c04_c14_a_copied_address_of_a_picture_shows_nothing_to_anybody_else", async () => {
  await clinician.goto("/patients");
  await clinician.locator(".patients a").first().click();
  await clinician.locator(".timeline img").first().waitFor();
  const thumbnail = await clinician.locator(".timeline img").first().evaluate((image) => image.src);
  await clinician.locator(".timeline a").first().click();
  const image = await clinician.locator(".stage img").evaluate((shown) => shown.src);
  const stranger = await sit(browser, clinic), colleague = await sit(browser, clinic);
  await joins(colleague, await adds(admin, "nils", "Nils Nachtdienst", "clinician"));
  for (const url of [image, thumbnail]) {
    const own = await clinician.request.get(url);
    assert.match(own.headers()["content-type"], /^image\//, "the control: whom it is for sees it");
    assert.match(own.headers()["cache-control"], /no-store/);
    for (const [page, who] of [[stranger, "nobody"], [colleague, "a colleague"], [admin, "an admin"]]) {
      const answer = await page.request.get(url, { maxRedirects: 0 });
      assert.notEqual(answer.status(), 200, `${who} ${url}`);
      assert.doesNotMatch(answer.headers()["content-type"] ?? "", /^image\//);
    }
  }
  for (const page of [stranger, colleague]) await page.context().close();
});
