// Asks the browser for a passkey and sends what it says with the form around the
// button. Without this script the forms stay hidden, and everything else works.
"use strict";
{
  const decode = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const encode = (buffer) =>
    btoa(Array.from(new Uint8Array(buffer), (b) => String.fromCharCode(b)).join("")).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const withIDs = (list) => (list || []).map((one) => ({ ...one, id: decode(one.id) }));

  const get = async (options) => {
    const key = await navigator.credentials.get({
      publicKey: { ...options, challenge: decode(options.challenge), allowCredentials: withIDs(options.allowCredentials) },
    });
    const said = key.response;
    return wrap(key, {
      authenticatorData: encode(said.authenticatorData),
      clientDataJSON: encode(said.clientDataJSON),
      signature: encode(said.signature),
      userHandle: said.userHandle ? encode(said.userHandle) : undefined,
    });
  };

  const create = async (options) => {
    const key = await navigator.credentials.create({
      publicKey: {
        ...options,
        challenge: decode(options.challenge),
        user: { ...options.user, id: decode(options.user.id) },
        excludeCredentials: withIDs(options.excludeCredentials),
      },
    });
    const said = key.response;
    return wrap(key, {
      attestationObject: encode(said.attestationObject),
      clientDataJSON: encode(said.clientDataJSON),
      transports: said.getTransports ? said.getTransports() : [],
    });
  };

  const wrap = (key, response) => ({
    id: key.id,
    rawId: encode(key.rawId),
    type: key.type,
    authenticatorAttachment: key.authenticatorAttachment || undefined,
    clientExtensionResults: {},
    response,
  });

  const failures = {
    InvalidStateError: "This device has a passkey of yours already.",
    NotAllowedError: "Nothing was done. Try again when you are ready.",
  };

  for (const block of window.PublicKeyCredential ? document.querySelectorAll("[data-passkey]") : []) {
    const form = block.querySelector("form");
    const problem = block.querySelector("[role=alert]");
    block.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      problem.textContent = "";
      try {
        const ask = block.dataset.passkey === "create" ? create : get;
        form.elements.answer.value = JSON.stringify(await ask(JSON.parse(block.dataset.options)));
        form.submit();
      } catch (failure) {
        problem.textContent = failures[failure.name] || "Your browser could not do this: " + failure.message;
      }
    });
  }
}
