// The entry point: the session, the page that the address names, and the global keyboard shortcuts.

import { onContact, onExpired } from "./api.js";
import { showHelp } from "./dialogs.js";
import { fill, h, icon, ICONS, say } from "./dom.js";
import { between, clock, duration, moment, tickAges } from "./format.js";
import { showForm } from "./form.js";
import { showJob } from "./job.js";
import { isTyping, showJobs } from "./jobs.js";
import { backoff } from "./polling.js";
import { session } from "./session.js";
import { resume, showSignIn } from "./signin.js";
import { STATES } from "./states.js";

const main = document.getElementById("main");
const top = document.getElementById("top");
const notice = document.getElementById("notice");
let leave = () => {};

function showTop() {
  const { about } = session;
  const here = location.hash;
  const link = (href, text, current) => h("a", { href, "aria-current": current ? "page" : null }, text);
  fill(top,
    h("a", { class: "brand", href: "#/" }, h("span", { class: "mark", "aria-hidden": "true" }), "Augmentation"),
    about && h("nav", { "aria-label": "Pages" }, link("#/", "Jobs", !here.startsWith("#/new")), session.mayWrite && link("#/new", "New job", here.startsWith("#/new"))),
    h("div", { class: "who" },
      about && h("span", { class: "key", title: `Key ${about.id}: ${about.rights.join(" and ")} in namespace ${about.namespace}${about.expires_at ? `, until ${moment(about.expires_at)}` : ""}` }, `${about.namespace} · ${about.id}`, !session.mayWrite && h("span", { class: "only" }, "read only"), soon(about) && h("span", { class: "only" }, soon(about))),
      h("button", { type: "button", class: "bare", "aria-label": "Light or dark", title: "Light or dark (t)", onClick: switchTheme }, icon(ICONS.theme)),
      h("button", { type: "button", class: "bare", "aria-label": "Keyboard help", title: "Keyboard (?)", onClick: showHelp }, "?"),
      about && h("button", { type: "button", class: "bare text", onClick: () => signOut() }, "Sign out")));
}

/** The warning that a key expires, from two weeks before. */
function soon(about) {
  const left = about.expires_at ? -between(about.expires_at) : Infinity;
  return left < 14 * 86400 && `expires in ${duration(left)}`;
}

function switchTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
}

function signOut(reason) {
  session.end();
  show(reason);
}

/** Show the page that the address names; without a key the sign-in form first. */
function show(reason) {
  leave();
  leave = () => {};
  showTop();
  if (session.about === null) {
    document.title = "Sign in · Augmentation";
    showSignIn(main, reason, () => show());
    return;
  }
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
  const job = location.hash.match(/^#\/jobs\/([^/?]+)/);
  if (job) {
    document.title = "Job · Augmentation";
    leave = showJob(main, decodeURIComponent(job[1]));
    return;
  }
  if (location.hash.startsWith("#/new") && session.mayWrite) {
    document.title = "New job · Augmentation";
    leave = showForm(main);
    return;
  }
  document.title = "Jobs · Augmentation";
  const search = new URLSearchParams(location.hash.split("?")[1] ?? "");
  const query = {
    states: search.getAll("status").filter((state) => STATES.includes(state)),
    text: search.get("q") ?? "",
    sort: search.get("sort") ?? "-created_at",
  };
  leave = showJobs(main, query, remember);
}

/** Put what the list shows into the address, without a new entry in the history for every letter. */
function remember({ states, text, sort }) {
  const search = new URLSearchParams(states.map((state) => ["status", state]));
  if (text) search.set("q", text);
  if (sort !== "-created_at") search.set("sort", sort);
  history.replaceState(null, "", search.size ? `#/?${search}` : "#/");
}

let current = Date.now();
let behind = null;

/** Show a notice while the data may be stale, with its time: constant, as screen readers announce each change. */
function showContact({ reachable, age }) {
  if (reachable && age <= 0) {
    current = Date.now();
    behind = null;
  } else behind ??= reachable ? Date.now() - age * 1000 : current;
  notice.hidden = behind === null;
  if (behind === null) return;
  const what = reachable ? "The Kubernetes API is unavailable, so nothing can be changed now." : "The gateway does not answer.";
  say(notice, `${what} Shown as of ${clock(behind)}; the page reconnects automatically.`);
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
    if (isTyping(event)) document.activeElement.blur();
    else if (location.hash && !/^#\/(\?|$)/.test(location.hash)) location.hash = "#/";
    return;
  }
  if (isTyping(event) || document.querySelector("dialog[open]")) return;
  const does = {
    "/": () => document.getElementById("search") ? document.getElementById("search").focus() : (location.hash = "#/"),
    n: () => session.mayWrite && (location.hash = "#/new"),
    t: switchTheme,
    "?": showHelp,
  }[event.key];
  if (does === undefined || (session.about === null && event.key !== "?" && event.key !== "t")) return;
  event.preventDefault();
  does();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  // The address names a page; an anchor in it would be taken for one.
  event.preventDefault();
  main.focus();
});
window.addEventListener("hashchange", () => show());
onContact(showContact);
onExpired((error) => signOut(error.message));
tickAges();
showTop();
for (let failures = 0; ; failures += 1) {
  try {
    await resume();
    show();
    break;
  } catch (error) {
    // A key that is refused has led to the form already; with any other answer it is still good, and tried again.
    if (session.key === null) break;
    if (error.status === 403) {
      signOut(error.message);
      break;
    }
    fill(main, h("div", { class: "empty", role: "alert" }, h("h1", {}, "Connecting …"), h("p", {}, error.message)));
    await new Promise((resolve) => setTimeout(resolve, backoff(failures)));
  }
}
