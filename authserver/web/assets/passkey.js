// SPDX-License-Identifier: Apache-2.0

// Lets a form of this page ask the browser for a passkey, and sends the form with the answer. Without this file, or in a browser that
// knows no passkeys, the form stays hidden and the page says so. Nothing else of the page needs a script.
(() => {
  "use strict";

  const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const named = (list) => list && list.map((one) => ({ ...one, id: bytes(one.id) }));

  // Web Authentication §5.1.8 and §5.1.9, for browsers that cannot read JSON themselves yet.
  function optionsOf(form) {
    const options = JSON.parse(form.dataset.options);
    options.challenge = bytes(options.challenge);
    options.allowCredentials = named(options.allowCredentials);
    options.excludeCredentials = named(options.excludeCredentials);
    if (options.user) {
      options.user.id = bytes(options.user.id);
    }
    return options;
  }

  function answerOf(credential) {
    const from = credential.response;
    const response = { clientDataJSON: text(from.clientDataJSON) };
    if (from.attestationObject) {
      response.attestationObject = text(from.attestationObject);
      response.transports = from.getTransports ? from.getTransports() : [];
    } else {
      response.authenticatorData = text(from.authenticatorData);
      response.signature = text(from.signature);
      if (from.userHandle) {
        response.userHandle = text(from.userHandle);
      }
    }
    const id = text(credential.rawId);
    return JSON.stringify({ id, rawId: id, type: "public-key", response, clientExtensionResults: {} });
  }

  const problems = {
    NotAllowedError: "No passkey was used. Try again, or go on without one.",
    InvalidStateError: "This device or password manager has a passkey of yours already.",
    SecurityError: "The browser uses no passkeys at this address.",
    NotSupportedError: "This device cannot keep a passkey of the kind that is needed.",
    ConstraintError: "This device cannot keep a passkey, or cannot check that it is you.",
  };

  function say(form, problem) {
    const place = form.querySelector("[data-problem]");
    place.textContent = problem;
    place.hidden = problem === "";
  }

  // The browser offers passkeys in the field of the user name until somebody presses the button.
  let offering;

  function send(form, credential) {
    form.elements.answer.value = answerOf(credential);
    form.submit();
  }

  async function ask(form) {
    const button = form.querySelector("button");
    button.disabled = true;
    say(form, "");
    if (offering) {
      offering.abort();
      offering = undefined;
    }
    try {
      const publicKey = optionsOf(form);
      const creates = form.dataset.passkey === "create";
      send(form, await (creates ? navigator.credentials.create({ publicKey }) : navigator.credentials.get({ publicKey })));
    } catch (e) {
      say(form, problems[e.name] || "The browser could not do it (" + e.name + ").");
      button.disabled = false;
      button.focus();
    }
  }

  async function offer(form) {
    if (!PublicKeyCredential.isConditionalMediationAvailable || !(await PublicKeyCredential.isConditionalMediationAvailable())) {
      return;
    }
    const mine = new AbortController();
    offering = mine;
    try {
      send(form, await navigator.credentials.get({ publicKey: optionsOf(form), mediation: "conditional", signal: mine.signal }));
    } catch {
      // Nobody chose one. The button is still there.
    }
  }

  function start() {
    if (!window.PublicKeyCredential || !navigator.credentials) {
      return;
    }
    for (const note of document.querySelectorAll("[data-without-passkey]")) {
      note.hidden = true;
    }
    for (const form of document.querySelectorAll("form[data-passkey]")) {
      form.hidden = false;
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        ask(form);
      });
      if (form.dataset.passkey === "login") {
        offer(form);
      }
    }
  }

  // A page that comes back from the browser's memory has sent its answer already.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) {
      window.location.reload();
    }
  });

  start();
})();
