// Every page that a role comes to by following links: a new page is walked without being listed anywhere.

/** A page's kind: its path without ids. `/patients/mfrg...` and another patient's are one. */
const kind = (url) => new URL(url).pathname.split("/").map((part) => (/^[0-9a-f-]{16,}$|^[a-z2-7]{52}$/.test(part) ? "id" : part)).join("/");

/** Pages of one parent, such as people by their ids: as many are enough. */
const SIBLINGS = 6;

/** Goes from `from` wherever links lead, to `each` kind of page `times` times, and calls `see(kind)` there. */
export const walk = async (page, from, see, times = 1) => {
  const origin = new URL(page.url()).origin;
  const seen = new Map();
  const waiting = [new URL(from, origin).href];
  while (waiting.length > 0) {
    const url = waiting.shift();
    const count = seen.get(kind(url)) ?? 0;
    const parent = kind(url).replace(/[^/]+$/, "");
    const siblings = [...seen.keys()].filter((other) => other !== kind(url) && parent !== "/" && other.replace(/[^/]+$/, "") === parent);
    if (count >= times || siblings.length >= SIBLINGS || kind(url) === "/authority") continue;
    seen.set(kind(url), count + 1);
    await page.goto(url);
    // Where it leads elsewhere, that is looked at when its own turn comes.
    if (kind(page.url()) === kind(url)) await see(kind(url));
    else waiting.push(page.url());
    const links = await page.locator("a[href]").evaluateAll((all) => all.map((link) => link.href.split("#")[0]));
    waiting.push(...links.filter((link) => new URL(link).origin === origin));
  }
  return [...seen.keys()];
};
