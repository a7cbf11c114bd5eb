// Zoom, pan and compare. Nothing here decides anything: every page works without it.
"use strict";

// A browser may keep a page that one leaves, whatever its headers say, and show it again without asking: after log-out, after the log-in was ended
// elsewhere, and without an entry in the log. It gets an empty one to keep, and asks anew.
(() => {
  addEventListener("pagehide", (event) => { if (event.persisted) document.body.replaceChildren(); });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
})();

(() => {
  const stages = [...document.querySelectorAll(".stage")];
  if (stages.length === 0) return;
  const images = stages.map((stage) => stage.querySelector("img"));
  const largest = 12;
  let scale = 1, x = 0, y = 0;

  // All stages of a page move together: the same place of the same site is compared.
  const show = () => {
    const limit = (scale - 1) / 2;
    x = Math.max(-limit, Math.min(limit, x));
    y = Math.max(-limit, Math.min(limit, y));
    for (const image of images) image.style.transform = `translate(${x * 100}%, ${y * 100}%) scale(${scale})`;
    for (const stage of stages) stage.classList.toggle("zoomed", scale > 1);
  };
  // What is under the pointer stays there; without a pointer, what is in the middle. Lengths are shares of the unzoomed picture, from its middle.
  const zoom = (factor, atX = 0, atY = 0) => {
    const next = Math.max(1, Math.min(largest, scale * factor));
    x = atX + (x - atX) * next / scale;
    y = atY + (y - atY) * next / scale;
    scale = next;
    show();
  };
  const reset = () => { scale = 1; x = 0; y = 0; show(); };

  for (const [index, stage] of stages.entries()) {
    const place = (point) => {
      const zoomed = images[index].getBoundingClientRect();
      if (zoomed.width === 0) return [0, 0];
      const [width, height] = [zoomed.width / scale, zoomed.height / scale];
      return [(point.x - zoomed.left - zoomed.width / 2) / width + x, (point.y - zoomed.top - zoomed.height / 2) / height + y];
    };
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, ...place({ x: event.clientX, y: event.clientY }));
    }, { passive: false });
    stage.addEventListener("dblclick", (event) => (scale > 1 ? reset() : zoom(3, ...place({ x: event.clientX, y: event.clientY }))));

    // One finger or the mouse moves the picture, two fingers stretch it.
    const pointers = new Map();
    const middle = () => {
      const all = [...pointers.values()];
      const sum = (axis) => all.reduce((total, point) => total + point[axis], 0) / all.length;
      return { x: sum("x"), y: sum("y"), spread: all.length < 2 ? 0 : Math.hypot(all[0].x - all[1].x, all[0].y - all[1].y) };
    };
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || pointers.size > 1) return;
      stage.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    });
    stage.addEventListener("pointermove", (event) => {
      if (!pointers.has(event.pointerId)) return;
      const before = middle();
      pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      const after = middle();
      const [fromX, fromY] = place(before);
      const [toX, toY] = place(after);
      x += toX - fromX;
      y += toY - fromY;
      if (before.spread > 0 && after.spread > 0) zoom(after.spread / before.spread, toX, toY);
      else show();
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) stage.addEventListener(end, (event) => pointers.delete(event.pointerId));
    stage.addEventListener("keydown", (event) => {
      const step = 0.1 * scale;
      const keys = {
        "+": () => zoom(1.2), "=": () => zoom(1.2), "-": () => zoom(1 / 1.2), "0": reset,
        ArrowLeft: () => { x += step; show(); }, ArrowRight: () => { x -= step; show(); },
        ArrowUp: () => { y += step; show(); }, ArrowDown: () => { y -= step; show(); },
      };
      if (keys[event.key] && !event.ctrlKey && !event.metaKey) { event.preventDefault(); keys[event.key](); }
    });
  }
  document.querySelector("[data-zoom-in]")?.addEventListener("click", () => zoom(1.4));
  document.querySelector("[data-zoom-out]")?.addEventListener("click", () => zoom(1 / 1.4));
  document.querySelector("[data-zoom-reset]")?.addEventListener("click", reset);

  // Two pictures, one over the other, and a divider between before and after.
  const slider = document.querySelector("[data-slider]");
  const board = document.querySelector(".board");
  if (slider && board && stages.length === 2) {
    const toggle = document.querySelector("[data-overlay]");
    const divider = document.querySelector("[data-divider]");
    const divide = () => {
      const overlay = board.classList.contains("overlay");
      stages[1].style.clipPath = overlay ? `inset(0 0 0 ${slider.value}%)` : "";
      divider.hidden = !overlay;
      divider.style.left = `${slider.value}%`;
      divider.style.height = `${stages[0].offsetHeight}px`;
    };
    toggle.addEventListener("click", () => {
      const overlay = board.classList.toggle("overlay");
      toggle.setAttribute("aria-pressed", String(overlay));
      slider.hidden = !overlay;
      divide();
    });
    slider.addEventListener("input", divide);
    addEventListener("resize", divide);
    divider.addEventListener("pointerdown", (event) => { if (event.button === 0) divider.setPointerCapture(event.pointerId); });
    divider.addEventListener("pointermove", (event) => {
      if (!divider.hasPointerCapture(event.pointerId)) return;
      const { left, width } = board.getBoundingClientRect();
      slider.value = String(100 * (event.clientX - left) / width);
      divide();
    });
    toggle.hidden = false;
  }
  for (const tool of document.querySelectorAll(".tools")) tool.hidden = false;
})();

// A list that asks for itself anew does not shut what somebody has just opened in it.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.querySelector?.("details[open]")) event.preventDefault();
});

// How long a code on the screen is still open.
(() => {
  for (const place of document.querySelectorAll(".countdown")) {
    const end = performance.now() + Number(place.dataset.seconds) * 1000;
    const show = () => {
      const left = Math.max(0, Math.round((end - performance.now()) / 1000));
      place.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
      if (left > 0) setTimeout(show, 500);
    };
    show();
  }
})();

// The recovery kit from its file: the key's line alone is put into the form, the file goes nowhere.
(() => {
  const file = document.querySelector("[data-kit-file]");
  if (!file) return;
  const words = document.querySelector("#kit");
  file.hidden = false;
  document.querySelector("[data-kit-label]").hidden = false;
  file.addEventListener("change", async () => {
    const chosen = file.files[0];
    if (!chosen || chosen.size > 65536) return;
    const lines = (await chosen.text()).split("\n").map((line) => line.trim());
    words.value = lines.filter((line) => line.startsWith("AGE-SECRET-KEY-1")).join("\n");
  });
})();

// A refusal is told above the form, with what was typed still in it. Without this it is a page of its own.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-in-place]")) return;
  const body = new URLSearchParams(new FormData(form, event.submitter));
  event.preventDefault();
  const buttons = [...form.querySelectorAll("button")];
  for (const button of buttons) button.disabled = true;
  let words = document.body.dataset.unreached;
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { "safelight-in-place": "yes" } });
    const next = answer.headers.get("safelight-next");
    if (next) return location.assign(next);
    if (answer.headers.get("content-type")?.startsWith("text/plain")) words = await answer.text();
  } catch { /* The words are there already. */ }
  for (const button of buttons) button.disabled = false;
  form.querySelector(":scope > [role=alert]")?.remove();
  const told = document.createElement("p");
  told.className = "problem";
  told.setAttribute("role", "alert");
  told.textContent = words;
  form.prepend(told);
  told.scrollIntoView({ block: "nearest" });
});

// Pictures are compared by two to four of them: the button waits until so many are chosen.
for (const form of document.querySelectorAll('form[action="/compare"]')) {
  const button = form.querySelector("button");
  if (!button) continue;
  const count = () => {
    const chosen = form.querySelectorAll("input[name=picture]:checked").length;
    button.disabled = chosen < 2 || chosen > 4;
  };
  form.addEventListener("change", count);
  addEventListener("pageshow", count);
  count();
}
