// A clinic of its own for a file of tests: a running gateway in a temporary folder, and phones that are enrolled with it.

import { execFile, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const start = promisify(execFile);

/** Where cargo builds. */
export const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL("../../target", import.meta.url));
const safelight = join(target, "debug", "safelight");

/** Nothing here takes longer, on a slow machine either. */
export const PATIENCE = 60_000;

/** Looks again until `look` gives something, and gives that. */
export const until = async (what, look) => {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited in vain for: ${what}`);
    await sleep(100);
  }
};

export class Clinic {
  /** A new one, whose gateway serves. */
  static async open() {
    const clinic = new Clinic();
    clinic.folder = mkdtempSync(join(tmpdir(), "safelight-browser-"));
    clinic.passphrase = "correct horse battery staple";
    writeFileSync(clinic.at("passphrase"), `${clinic.passphrase}\n`, { mode: 0o600 });
    const made = JSON.parse(clinic.run("init", "--data", clinic.at("data"), "--passphrase-file", clinic.at("passphrase"),
      "--recovery-out", clinic.at("kit"), "--host", "localhost", "--clinic-name", "St. Elsewhere Dermatology", "--listen", "127.0.0.1:0",
      "--enrol-listen", "127.0.0.1:0", "--console-listen", "127.0.0.1:0", "--json"));
    clinic.console = `https://localhost:${made.console_port}`;
    clinic.gateway = spawn(safelight, ["serve", "--data", clinic.at("data"), "--passphrase-file", clinic.at("passphrase")],
      { stdio: ["ignore", "pipe", "pipe"] });
    clinic.told = clinic.said = "";
    clinic.gateway.stdout.on("data", (bytes) => { clinic.told += bytes; });
    clinic.gateway.stderr.on("data", (bytes) => { clinic.said = (clinic.said + bytes).slice(-8_000); });
    await until("the console", () => {
      if (clinic.gateway.exitCode !== null) throw new Error(`the gateway has ended: ${clinic.said}`);
      return clinic.answers();
    });
    return clinic;
  }

  at(name) { return join(this.folder, name); }

  /** Whether the console is there, under a certificate of the clinic's CA: the one on the disk, or `ca`. */
  answers(ca = readFileSync(this.at("data/clinic/ca.crt"))) {
    return new Promise((done) => {
      const asked = get(`${this.console}/join`, { ca, agent: false }, (answer) => { answer.resume(); done(answer.statusCode === 200); });
      asked.on("error", () => done(false));
    });
  }

  /** Arguments with which Chromium takes the console's certificate as one that is known: it offers no passkeys where a warning was clicked away. */
  async trusted() {
    const ca = readFileSync(this.at("data/clinic/ca.crt"));
    const { port } = new URL(this.console);
    const key = await new Promise((done, failed) => {
      const socket = connect({ host: "localhost", port, ca }, () => {
        done(socket.getPeerX509Certificate().publicKey.export({ type: "spki", format: "der" }));
        socket.destroy();
      });
      socket.on("error", failed);
    });
    return [`--ignore-certificate-errors-spki-list=${createHash("sha256").update(key).digest("base64")}`];
  }

  /** What a command prints. */
  run(...args) { return execFileSync(safelight, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: PATIENCE }); }

  /** The same, without waiting for its end. */
  async starts(...args) { return (await start(safelight, args, { encoding: "utf8", timeout: PATIENCE })).stdout; }

  /** What the terminal tells whoever has started the gateway: the first code, and the CA's fingerprint. */
  async announced() {
    const [, code, fingerprint] = await until("the first code", () => /and enter\s+(\S+)[^]*Its SHA-256 is\s+(\S+)/.exec(this.told));
    return { code, fingerprint };
  }

  /** The code with which the first admin begins. */
  code() { return JSON.parse(this.run("console", "code", "--data", this.at("data"), "--json")).code; }

  /** A phone that scans this picture of a QR code. It ends when somebody has decided. */
  enrols(phone, picture, name) {
    return this.starts("phone", "enrol", "--identity", this.at(phone), "--qr", picture, "--device-name", name, "--json");
  }

  /** A phone that is enrolled by the admin's shell. */
  async phone(phone, name, person, model = "Pixel 8") {
    const invited = JSON.parse(await this.starts("device", "invite", "--name", name, "--person", person, "--data", this.at("data"), "--json"));
    const enrolled = this.starts("phone", "enrol", "--identity", this.at(phone), "--qr-text", invited.qr, "--device-name", model);
    const waiting = await until(`the phone ${name}`, async () => {
      const listed = JSON.parse(await this.starts("device", "list", "--data", this.at("data"), "--json"));
      return listed.find((device) => device.name === name && device.status === "pending" && device.words);
    });
    await this.starts("device", "approve", waiting.id, "--data", this.at("data"));
    await enrolled;
  }

  /** Photographs of one patient and place. `label` is that of `phone send --label-file`. */
  async sends(phone, label, ...photos) {
    const file = this.at(`label-${Math.random().toString(36).slice(2)}`);
    writeFileSync(file, JSON.stringify(label), { mode: 0o600 });
    return this.starts("phone", "send", "--identity", this.at(phone), "--label-file", file, ...photos);
  }

  async close() {
    if (this.gateway.exitCode === null) {
      const ended = new Promise((done) => this.gateway.on("exit", done));
      this.gateway.kill("SIGTERM");
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
