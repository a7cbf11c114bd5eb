// Photographs of nobody, drawn by the browser: skin with a lesion and a scale, each seed another.

import { writeFileSync } from "node:fs";

/** A JPEG of `size` pixels at `path`. The lesion grows with `age`. */
export const photograph = async (page, path, { seed = 1, age = 0, size = [1200, 900] } = {}) => {
  const encoded = await page.evaluate(draw, { seed, age, size });
  writeFileSync(path, Buffer.from(encoded.split(",")[1], "base64"));
  return path;
};

// Runs in the page.
const draw = ({ seed, age, size: [width, height] }) => {
  let state = seed * 2654435761 >>> 0;
  const random = () => { state = (Math.imul(state ^ (state >>> 15), 2246822519) + 0x9e3779b9) >>> 0; return state / 4294967296; };
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const pen = canvas.getContext("2d");
  const tones = [[232, 190, 165], [198, 146, 116], [141, 96, 70], [240, 205, 182]];
  const tone = tones[seed % tones.length];
  const shade = (by, alpha = 1) => `rgba(${tone.map((part) => Math.max(0, Math.min(255, Math.round(part * by)))).join()}, ${alpha})`;
  const light = pen.createRadialGradient(width * 0.42, height * 0.4, height * 0.1, width / 2, height / 2, width * 0.75);
  light.addColorStop(0, shade(1.06)); light.addColorStop(0.6, shade(0.97)); light.addColorStop(1, shade(0.72));
  pen.fillStyle = light;
  pen.fillRect(0, 0, width, height);
  for (let n = 0; n < 9000; n++) {
    pen.fillStyle = shade(random() < 0.5 ? 0.88 : 1.1, 0.1 + 0.12 * random());
    pen.beginPath();
    pen.ellipse(random() * width, random() * height, 1 + 4 * random(), 1 + 2 * random(), random() * 3, 0, 7);
    pen.fill();
  }
  pen.lineWidth = 1;
  for (let n = 0; n < 60; n++) {
    const [x, y, tilt] = [random() * width, random() * height, random() - 0.5];
    pen.strokeStyle = shade(0.55, 0.25);
    pen.beginPath(); pen.moveTo(x, y); pen.quadraticCurveTo(x + 20, y + 30 * tilt, x + 46, y + 44 * tilt); pen.stroke();
  }
  const [centreX, centreY, wide] = [width * (0.42 + 0.12 * random()), height * (0.44 + 0.1 * random()), height * (0.09 + 0.018 * age)];
  const outline = Array.from({ length: 36 }, () => 0.86 + 0.26 * random());
  for (const [part, colour, alpha] of [[1.5, "#b4554a", 0.10], [1.25, "#a5483e", 0.18], [1, "#5b3226", 0.85], [0.7, "#43231b", 0.7], [0.35, "#2e1712", 0.6]]) {
    pen.fillStyle = colour; pen.globalAlpha = alpha;
    pen.beginPath();
    for (let n = 0; n <= 36; n++) {
      const reach = wide * part * (outline[n % 36] + outline[(n + 1) % 36]) / 2, turn = (n / 36) * 2 * Math.PI;
      pen.lineTo(centreX + 1.2 * reach * Math.cos(turn), centreY + reach * Math.sin(turn));
    }
    pen.fill();
  }
  pen.globalAlpha = 1;
  const [left, top, step] = [width * 0.62, height * 0.86, width * 0.016];
  pen.fillStyle = "#f7f7f4"; pen.fillRect(left, top, step * 21, height * 0.075);
  pen.strokeStyle = "#23282c"; pen.lineWidth = Math.max(1, width / 700);
  for (let n = 0; n <= 20; n++) { pen.beginPath(); pen.moveTo(left + step * (n + 0.5), top); pen.lineTo(left + step * (n + 0.5), top + height * (n % 10 ? 0.02 : 0.04)); pen.stroke(); }
  return canvas.toDataURL("image/jpeg", 0.9);
};
