// Photographs of nobody, drawn by the browser: skin with a lesion and a scale, each seed another.

import { writeFileSync } from "node:fs";

/** A JPEG of `size` pixels at `path`. The lesion grows with `age`. */
export const photograph = async (page, path, { seed = 1, age = 0, size = [960, 720] } = {}) => {
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
  pen.lineWidth = 1;
  for (let n = 0; n < 40; n++) {
    const [x, y, tilt] = [random() * width, random() * height, random() - 0.5];
    pen.strokeStyle = shade(0.55, 0.25);
    pen.beginPath(); pen.moveTo(x, y); pen.quadraticCurveTo(x + 20, y + 30 * tilt, x + 46, y + 44 * tilt); pen.stroke();
  }
  const [centreX, centreY, wide] = [width * (0.42 + 0.12 * random()), height * (0.44 + 0.1 * random()), height * (0.09 + 0.018 * age)];
  const outline = Array.from({ length: 24 }, () => 0.8 + 0.4 * random());
  const blob = (reach, shiftX, shiftY, colour, alpha, blur) => {
    pen.filter = `blur(${blur * height / 900}px)`;
    pen.fillStyle = colour;
    pen.globalAlpha = alpha;
    pen.beginPath();
    for (let n = 0; n <= 72; n++) {
      const [turn, at] = [(n / 72) * 2 * Math.PI, n / 3];
      const rim = outline[Math.floor(at) % 24] * (1 - at % 1) + outline[(Math.floor(at) + 1) % 24] * (at % 1);
      pen.lineTo(centreX + shiftX * wide + 1.2 * reach * wide * rim * Math.cos(turn), centreY + shiftY * wide + reach * wide * rim * Math.sin(turn));
    }
    pen.fill();
  };
  blob(1.6, 0, 0, "#b4554a", 0.22, 34);
  blob(1.05, 0, 0, "#6a3a2a", 0.75, 9);
  for (let n = 0; n < 7; n++) blob(0.2 + 0.35 * random(), random() - 0.5, random() - 0.5, random() < 0.4 ? "#8d5038" : "#3a1d16", 0.35, 8);
  pen.filter = "none";
  pen.globalAlpha = 1;
  for (let n = 0; n < 2500; n++) {
    pen.fillStyle = random() < 0.6 ? shade(0.8, 0.12 * random()) : shade(1.1, 0.08);
    pen.beginPath();
    pen.ellipse(random() * width, random() * height, 1 + 4 * random(), 1 + 2 * random(), random() * 3, 0, 7);
    pen.fill();
  }
  const [left, top, step] = [width * 0.62, height * 0.86, width * 0.016];
  pen.fillStyle = "#f7f7f4"; pen.fillRect(left, top, step * 21, height * 0.075);
  pen.strokeStyle = "#23282c"; pen.lineWidth = Math.max(1, width / 700);
  for (let n = 0; n <= 20; n++) { pen.beginPath(); pen.moveTo(left + step * (n + 0.5), top); pen.lineTo(left + step * (n + 0.5), top + height * (n % 10 ? 0.02 : 0.04)); pen.stroke(); }
  return canvas.toDataURL("image/jpeg", 0.9);
};
