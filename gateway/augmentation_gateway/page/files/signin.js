// Sign-in: a key is typed once, checked by the gateway, and kept for the session if it is valid.

import { get } from "./api.js";
import { fill, h, say } from "./dom.js";
import { session } from "./session.js";

/** Take back the session of this tab after a reload: true if there is one. Raises what the gateway answers. */
export async function resume() {
  const key = session.key;
  if (key === null) return false;
  session.begin(key, await get("v1/key", { key }));
  return true;
}

/** Show the form; `then` is called after a successful sign-in. */
export function showSignIn(main, reason, then) {
  const problem = h("p", { class: "problem", id: "key-problem", role: "alert" }, reason ?? "");
  const input = h("input", {
    id: "key", name: "key", type: "password", autocomplete: "current-password", required: true,
    spellcheck: "false", autocapitalize: "off", "aria-describedby": "key-help key-problem", placeholder: "aug_…",
  });
  const button = h("button", { class: "primary", type: "submit" }, "Sign in");

  async function submit(event) {
    event.preventDefault();
    const key = input.value.trim();
    // What no header can carry would be refused by the browser, in words that help nobody.
    if (!/^[\x21-\x7e]+$/.test(key)) return refuse("A key is one word of ASCII characters, such as aug_…: copy it again.");
    button.disabled = true;
    try {
      session.begin(key, await get("v1/key", { key }));
      then();
    } catch (error) {
      refuse(error.message);
    } finally {
      button.disabled = false;
    }
  }

  function refuse(why) {
    say(problem, why);
    input.setAttribute("aria-invalid", "true");
    input.select();
    input.focus();
  }

  fill(main, h("form", { class: "signin card", onSubmit: submit, novalidate: true, "aria-labelledby": "signin-title" },
    h("h1", { id: "signin-title" }, "Sign in"),
    h("p", { class: "quiet" }, "Robot dataset augmentation on Kubernetes"),
    h("label", { for: "key" }, "API key"), input,
    h("p", { class: "help", id: "key-help" }, "Or a bearer token, where the gateway accepts them. Kept in this tab only, until you close it or sign out."),
    problem, button,
    h("p", { class: "help" }, "No key yet? Your administrator creates one with ", h("code", {}, "augmentation-gateway keys create"), "."),
  ));
  input.focus();
}
