// People of the clinic, each with a browser of their own, and what must never happen in one.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";

import { chromium } from "playwright-core";

import { PATIENCE } from "./clinic.mjs";

/** What everybody here chooses. */
export const PASSWORD = "a lamp in the dark";

/** A desk, and a tablet held upright. */
export const SIZES = { desk: { width: 1280, height: 800 }, tablet: { width: 820, height: 1180 } };

/** No service of the browser's own is asked for anything: it speaks with the gateway alone. `keepsPages`: it may keep pages that one leaves, as a browser
 * of everyday use does, and the driver forbids. `more`: further arguments. */
export const launch = ({ keepsPages = false, more = [] } = {}) => chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  ignoreDefaultArgs: keepsPages ? ["--disable-back-forward-cache"] : [],
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-default-apps", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1", ...more],
});

/** A page of a browser of its own. `page.faults` holds what a console's page must not have done. */
export const sit = async (browser, clinic, size = SIZES.desk) => {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: size, baseURL: clinic.console, reducedMotion: "reduce" });
  context.setDefaultTimeout(PATIENCE / 2);
  const page = await context.newPage();
  page.faults = watched(page);
  return page;
};

/** Errors of scripts, of the content security policy and of what a page loads; dialogs; what planted scripts leave behind. */
const watched = (page) => {
  const faults = [];
  page.on("dialog", (dialog) => { faults.push(`a dialog: ${dialog.message()}`); dialog.dismiss().catch(() => {}); });
  page.on("pageerror", (error) => faults.push(`a script's error: ${error.message}`));
  page.on("console", (message) => {
    // That a page itself answers 404 or 503 is for the test to judge.
    const isOwnStatus = message.text().startsWith("Failed to load resource") && message.location().url === page.url();
    if (message.type() === "error" && !isOwnStatus) faults.push(`${message.text()} (${message.location().url})`);
  });
  page.on("request", (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (protocol.startsWith("http") && hostname !== "localhost") faults.push(`it asks elsewhere: ${request.url()}`);
  });
  return faults;
};

/** Nothing has happened in these pages that must not. */
export const unblemished = (...pages) => { for (const page of pages) assert.deepEqual(page.faults, []); };

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** What an authenticator shows (RFC 6238), `ahead` steps from now. */
export const digits = (secret, ahead = 0) => {
  const bits = [...secret].map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead));
  const mac = createHmac("sha1", key).update(step).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1e6).padStart(6, "0");
};

/** From a code to an account: the authenticator's secret and the recovery codes. `first` is who the first admin is; `see(name)` looks at each page. */
export const joins = async (page, code, first = null, see = async () => {}) => {
  await page.goto("/join");
  await see("join");
  await page.fill("#code", code);
  await page.click("main button");
  const secret = await page.inputValue("input[name=secret]");
  await see("join-account");
  if (first) {
    await page.fill("#id", first.id);
    await page.fill("#name", first.name);
  }
  await page.fill("#password", PASSWORD);
  await page.fill("#digits", digits(secret));
  await page.click("button[form=account-form]");
  await page.locator(".codes").waitFor();
  await see("join-codes");
  const codes = await page.locator(".codes code").allTextContents();
  await page.click("main a.button");
  return { secret, codes };
};

/** Adds somebody who works here: the code with which they begin. */
export const adds = async (admin, id, name, role) => {
  await admin.goto("/people");
  await admin.fill("#id", id);
  await admin.fill("#name", name);
  await admin.selectOption("#role", role);
  await admin.click(".add button");
  return admin.textContent(".notice .words");
};

export const logsIn = async (page, id, code) => {
  await page.goto("/login");
  await page.fill("#name", id);
  await page.fill("#password", PASSWORD);
  await page.fill("#code", code);
  await page.click("#login-form button");
};
