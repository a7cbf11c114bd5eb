// Whether a page can be used by people who see, hear or touch it differently (WCAG 2.2 AA), at a desk and on a tablet. Each page that is judged is
// photographed into target/browser-shots, to be looked at.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

import { target } from "./clinic.mjs";
import { SIZES } from "./staff.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/** Where the photographs lie. */
export const shots = join(target, "browser-shots");
mkdirSync(shots, { recursive: true });

/** What is wrong with the page that is open, in both sizes. */
export const judged = async (page, name) => {
  const wrong = [];
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    // Pictures are asked for when they come into sight.
    await page.waitForFunction(() => [...document.images].every((image) => image.complete || image.getBoundingClientRect().top > innerHeight));
    await page.screenshot({ path: join(shots, `${name}-${size}.png`), animations: "disabled" });
    // In the page's own world, but not as its script: its policy stays as strict as it is.
    if (!await page.evaluate(() => "axe" in window)) await page.evaluate(axe);
    const found = await page.evaluate((tags) => window.axe.run(document, { runOnly: tags }), TAGS);
    assert.ok(found.passes.length > 5, `${name}: axe has looked at nothing`);
    for (const { id, nodes } of found.violations) wrong.push(`${name}, ${size}: ${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (overflow > 0) wrong.push(`${name}, ${size}: ${overflow} px wider than the window`);
  }
  await page.setViewportSize(SIZES.desk);
  return wrong;
};

/** Nothing is wrong with it. */
export const passes = async (page, name) => assert.deepEqual(await judged(page, name), []);
