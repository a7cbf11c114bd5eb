// Passkeys: a form asks the console for a question, the browser for the answer, and is then sent like any other. Where there is no passkey, the form stays hidden
// and everything else works without it.
"use strict";

(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

  // What the standard calls parse...OptionsFromJSON and toJSON, which not every browser of a clinic has.
  const forBrowser = (options) => {
    const credentials = (list) => list?.map((one) => ({ ...one, id: bytes(one.id) }));
    const made = { ...options, challenge: bytes(options.challenge) };
    if (options.user) made.user = { ...options.user, id: bytes(options.user.id) };
    if (options.excludeCredentials) made.excludeCredentials = credentials(options.excludeCredentials);
    if (options.allowCredentials) made.allowCredentials = credentials(options.allowCredentials);
    return made;
  };
  const forConsole = (credential) => {
    const response = { clientDataJSON: text(credential.response.clientDataJSON) };
    for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[part]) response[part] = text(credential.response[part]);
    }
    return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response, extensions: {} });
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const { passkey, begin, site, stopped } = form.dataset;
    if (!window.PublicKeyCredential || location.hostname !== site) continue;
    form.hidden = false;
    const problem = form.querySelector(".problem");
    const button = form.querySelector("button");
    const tell = (words) => { problem.textContent = words; problem.hidden = false; };
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      problem.hidden = true;
      // Who it is for stands in another form.
      const other = form.dataset.with && document.getElementById(form.dataset.with);
      for (const name of other ? ["id", "name"] : []) {
        const field = other.elements.namedItem(name);
        if (!field) continue;
        if (!field.reportValidity()) return;
        form.elements.namedItem(name).value = field.value;
      }
      button.disabled = true;
      try {
        const answer = await fetch(begin, { method: "POST", body: new URLSearchParams(new FormData(form)) });
        if (answer.redirected) { location.assign(answer.url); return; }
        if (answer.headers.get("content-type")?.startsWith("text/plain")) { tell(await answer.text()); return; }
        const asked = await answer.json();
        if (!answer.ok) { tell(asked.problem); return; }
        const publicKey = forBrowser(asked.options);
        const credential = await (passkey === "get" ? navigator.credentials.get({ publicKey }) : navigator.credentials.create({ publicKey }));
        form.elements.namedItem("question").value = asked.question;
        form.elements.namedItem("answer").value = forConsole(credential);
        form.submit();
      } catch {
        tell(stopped);
      } finally {
        button.disabled = false;
      }
    });
  }
})();
