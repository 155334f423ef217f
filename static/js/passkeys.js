/* Passkeys: a form marked `data-passkey` ("create" or "get") asks the browser for one before it is sent. What the
   browser needs stands in `data-passkey-options`, or is fetched from the address in `data-passkey-options-from`; the
   answer goes into the field `credential`. Trouble is shown in `data-passkey-trouble`. */
(() => {
  "use strict";

  const toBytes = (text) => {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
  };

  const toText = (buffer) => {
    const binary = String.fromCharCode(...new Uint8Array(buffer));
    return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  };

  const named = (list) => list?.map((credential) => ({ ...credential, id: toBytes(credential.id) }));

  const forCreating = (options, mayStandAlone) => ({
    ...options,
    challenge: toBytes(options.challenge),
    user: { ...options.user, id: toBytes(options.user.id) },
    excludeCredentials: named(options.excludeCredentials),
    authenticatorSelection: {
      ...options.authenticatorSelection,
      residentKey: mayStandAlone ? "required" : "discouraged",
      requireResidentKey: mayStandAlone,
      userVerification: mayStandAlone ? "required" : "preferred",
    },
  });

  const forGetting = (options) => ({
    ...options,
    challenge: toBytes(options.challenge),
    allowCredentials: named(options.allowCredentials),
  });

  const asJson = (credential) => {
    const { response } = credential;
    const parts = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
    const buffers = parts.filter((part) => response[part]).map((part) => [part, toText(response[part])]);
    return JSON.stringify({
      id: credential.id,
      rawId: toText(credential.rawId),
      type: credential.type,
      authenticatorAttachment: credential.authenticatorAttachment,
      clientExtensionResults: credential.getClientExtensionResults(),
      response: { ...Object.fromEntries(buffers), transports: response.getTransports?.() ?? [] },
    });
  };

  const optionsOf = async (form) => {
    if (form.dataset.passkeyOptions) return JSON.parse(form.dataset.passkeyOptions).publicKey;
    const answer = await fetch(form.dataset.passkeyOptionsFrom, { method: "POST", body: new FormData(form) });
    if (!answer.ok) throw new Error(`${answer.status} from ${answer.url}`);
    return (await answer.json()).publicKey;
  };

  const ask = async (form) => {
    const options = await optionsOf(form);
    if (form.dataset.passkey === "get") return navigator.credentials.get({ publicKey: forGetting(options) });
    const mayStandAlone = form.elements.passwordless?.checked ?? false;
    return navigator.credentials.create({ publicKey: forCreating(options, mayStandAlone) });
  };

  const showTrouble = (form, isTrouble) => {
    const place = form.querySelector("[data-passkey-trouble]");
    if (place) place.hidden = !isTrouble;
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.dataset.passkey) return;
    event.preventDefault();
    showTrouble(form, false);
    try {
      form.elements.credential.value = asJson(await ask(form));
    } catch {
      showTrouble(form, true); // cancelled, timed out, or the browser has no passkeys
      return;
    }
    form.submit();
  });
})();
