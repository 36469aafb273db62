// Dialogs over the page: confirmations, keyboard help, and notifications.

import { fill, h, icon, ICONS } from "./dom.js";

/** Ask; true for yes. Escape and the other button are no. */
export function confirm({ title, text, yes, danger = false }) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "dialog", "aria-labelledby": "question" },
      h("form", { method: "dialog" },
        h("h2", { id: "question" }, title),
        h("p", {}, text),
        h("div", { class: "buttons" },
          h("button", { value: "no", class: "quiet-button" }, "No, go back"),
          h("button", { value: "yes", class: danger ? "danger" : "primary", autofocus: true }, yes),
        )));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

const KEYS = [
  ["/", "Search the jobs"],
  ["n", "New job"],
  ["j k", "Next and previous job (arrow keys too)"],
  ["Enter", "Open the job"],
  ["Esc", "Back to the list; leave a field"],
  ["t", "Light or dark"],
  ["?", "This help"],
];

/** The keyboard's help. */
export function showHelp() {
  if (document.querySelector("dialog[open]")) return;
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "help-title" },
    h("form", { method: "dialog" },
      h("h2", { id: "help-title" }, "Keyboard"),
      h("dl", { class: "keys" }, KEYS.map(([keys, does]) => [
        h("dt", {}, keys.split(" ").map((key) => h("kbd", {}, key))), h("dd", {}, does),
      ])),
      h("p", { class: "help" }, "The REST API behind this page: ", h("a", { href: "docs", target: "_blank", rel: "noopener" }, "/docs")),
      h("div", { class: "buttons" }, h("button", { class: "primary", autofocus: true }, "Close"))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

let fading = null;

/** Show a notification for some seconds; screen readers announce it. */
export function notify(text, kind = "good") {
  const said = document.getElementById("said");
  clearTimeout(fading);
  fill(said, h("p", { class: `toast ${kind}` }, text));
  fading = setTimeout(() => fill(said), kind === "bad" ? 10_000 : 5000);
}

/** A button that copies what `text()` gives. */
export function copyButton(text, label = "Copy") {
  const shown = h("span", {}, label);
  const button = h("button", { type: "button", class: "copy", "aria-label": label, onClick: async () => {
    shown.textContent = (await copy(text())) ? "Copied" : "Select and copy it";
    setTimeout(() => { shown.textContent = label; }, 1600);
  } }, icon(ICONS.copy), shown);
  return button;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Over plain HTTP, and where it is not allowed, the browser has no such clipboard.
    const area = h("textarea", { class: "away", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/** Lines to copy. */
export function snippet(text, label) {
  return h("div", { class: "snippet" },
    h("pre", { tabindex: "0", role: "group", "aria-label": label }, h("code", {}, text)), copyButton(() => text, "Copy"));
}
