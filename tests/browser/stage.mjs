// A clinic at work, for tests of one thing that its people do: an admin, two clinicians and a privacy officer, each at a browser, and patients with pictures.

import { Clinic, until } from "./clinic.mjs";
import { photograph } from "./photographs.mjs";
import { adds, joins, launch, logsIn, sit } from "./staff.mjs";
import { timeline } from "./viewer.mjs";

/** Labels of `phone send --label-file`. */
export const ZOE = { patient: "MRN-77812-04", name: "Quittländer, Zoë", birth_date: "1961-02-03", site: "left forearm", consent: "record" };
export const KWAME = { patient: "4711", name: "Osei, Kwame", birth_date: "1984-11-30", site: "left forearm", consent: "record" };

export class Stage {
  /** `launching` is how the browser is launched. */
  static async open(launching) {
    const stage = new Stage();
    /** What people have to log in with again, by their id. */
    stage.kept = {};
    stage.browser = await launch(launching);
    stage.clinic = await Clinic.open();
    stage.admin = await sit(stage.browser, stage.clinic);
    stage.kept["ada.admin"] = await joins(stage.admin, stage.clinic.code(), { id: "ada.admin", name: "Ada Admin" });
    const staff = [["carla", "Carla Clinician", "clinician"], ["nils", "Nils Nachtdienst", "clinician"], ["petra", "Petra Privacy", "privacy-officer"]];
    const codes = [];
    for (const person of staff) codes.push(await adds(stage.admin, ...person));
    [stage.carla, stage.nils, stage.officer] = await Promise.all(staff.map(([id], nth) => stage.begins(id, codes[nth])));
    return stage;
  }

  /** Somebody's first log-in, at a browser of their own. */
  async begins(id, code) {
    const page = await sit(this.browser, this.clinic);
    this.kept[id] = await joins(page, code);
    return page;
  }

  /** The same person at a further browser. */
  async again(id, size) {
    const page = await sit(this.browser, this.clinic, size);
    await logsIn(page, id, this.kept[id].codes.pop());
    await page.waitForURL((url) => url.pathname !== "/login");
    return page;
  }

  /** Photographs of one lesion that grows: their paths. */
  async photographs(count) {
    const taken = [];
    for (let age = 0; age < count; age++) taken.push(await photograph(this.carla, this.clinic.at(`${age}.jpg`), { seed: 5, age }));
    return taken;
  }

  /** Opens a patient and waits until `count` pictures are there: their ids. */
  async waits(page, { name }, count) {
    return until(`${count} pictures of ${name}`, async () => {
      if (!await this.sees(page, { name })) return null;
      const ids = await timeline(page);
      return ids.length === count && await page.locator(".blank").count() === 0 ? ids : null;
    });
  }

  /** Goes to a patient as a person does, from the list; whether they are on it. */
  async sees(page, { name }) {
    await page.goto("/patients");
    const link = page.getByRole("link", { name });
    if (await link.count() === 0) return false;
    await link.click();
    await page.getByRole("heading", { name, level: 1 }).waitFor();
    return true;
  }

  /** A colleague is put on the care team of the patient whose page is open. */
  async lets(page, colleague, { term = "month", unsure = false } = {}) {
    await page.locator(".team > summary").click();
    await page.fill("#colleague", colleague);
    await page.selectOption("#term", term);
    if (unsure) await page.locator(".team input[name=unsure]").check();
    await page.locator(".team form.add button").click();
    await page.locator(".team > summary", { hasText: colleague }).waitFor();
  }

  /** The officer's log: who did what, newest first, a line each. */
  async record() {
    await this.officer.goto("/log");
    await this.officer.locator("h1").waitFor();
    return (await this.officer.locator(".log tbody tr").allInnerTexts()).map((row) => row.replace(/\s+/g, " "));
  }

  async close() {
    await this.browser?.close();
    await this.clinic?.close();
  }
}
