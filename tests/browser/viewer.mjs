// Pictures as a page shows them.

/** Every picture of the page has come and could be decoded. */
export const decoded = (page) => page.waitForFunction(() => document.images.length > 0 && [...document.images].every((image) => image.complete && image.naturalWidth > 0));

/** Zoom and place of a picture, as shares of its own size. */
export const zoomed = (page, nth = 0) => page.locator(".stage img").nth(nth).evaluate((image) => {
  const matrix = new DOMMatrix(getComputedStyle(image).transform);
  return { scale: matrix.a, x: matrix.e / image.offsetWidth, y: matrix.f / image.offsetHeight };
});

/** The ids of a timeline's pictures, as they stand on the page. */
export const timeline = (page) => page.locator(".timeline a").evaluateAll((links) => links.map((link) => link.href.split("/").pop()));

/** Whether an address gives this page's person a picture now. */
export const givesPicture = async (page, url) => {
  const answer = await page.request.get(url, { maxRedirects: 0 });
  return answer.status() === 200 && /^image\//.test(answer.headers()["content-type"] ?? "");
};
