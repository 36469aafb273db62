// Several texts to copy in one place.

import { snippet } from "./dialogs.js";
import { fill, h } from "./dom.js";

/** Texts by name, the first one shown, or the one that `first` names. */
export function tabs(texts, first) {
  const names = Object.keys(texts).filter((name) => texts[name]);
  const shown = h("div", { role: "tabpanel", id: "tab-panel" });
  const buttons = names.map((name) => h("button", { type: "button", role: "tab", "aria-controls": "tab-panel", onClick: () => choose(name), onKeydown: (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) choose(names[(names.indexOf(name) + step + names.length) % names.length], true);
  } }, name));
  function choose(chosen, focus = false) {
    for (const [at, button] of buttons.entries()) {
      const is = names[at] === chosen;
      button.setAttribute("aria-selected", String(is));
      button.tabIndex = is ? 0 : -1;
      if (is && focus) button.focus();
    }
    fill(shown, snippet(texts[chosen], chosen));
  }
  choose(names.includes(first) ? first : names[0]);
  return [h("div", { role: "tablist", class: "tabs", "aria-label": "Ways" }, buttons), shown];
}
