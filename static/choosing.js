// The form of a sync: folders to choose from, and names as they will be.

import { announce, on, parsed, part } from "./page.js";
import "./pressing.js";

let named = false;

// Of what is typed only whole names are shown: half a schema says nothing yet.
function rename() {
  const whole = "{{secretKey}}";
  const schema = (part("key_schema").value.trim() || whole).replaceAll("{{environment}}", part("environment").value);
  const [before, after, more] = schema.split(whole);
  if (after === undefined || more !== undefined) return;
  const box = part("names");
  for (const code of box.querySelectorAll("[data-name]")) {
    [code.firstChild.textContent, code.lastChild.textContent] = [before, after];
    const refused = code.textContent.startsWith(box.dataset.reserved);
    const row = code.closest("li, p");
    if (row.matches("li")) row.classList.toggle("refused", refused);
    else row.hidden = !refused;
  }
  const alike = box.querySelector(".help span span");
  if (alike) alike.hidden = schema !== whole;
  part("with-prefix").querySelector("code").textContent = before;
  part("with-prefix").hidden = !before;
  part("without-prefix").hidden = !!before;
}

const folders = () => [...part("source-list").querySelectorAll("button")];

// A whole path leaves all of them to choose from.
function filter() {
  const typed = part("secret_path").value.trim().toLowerCase();
  const all = folders().some(({ value }) => value.toLowerCase() === typed);
  for (const { parentNode, value } of folders()) parentNode.hidden = !all && !value.toLowerCase().includes(typed);
  part("source-list").lastElementChild.hidden = !folders()[0] || folders().some(({ parentNode }) => !parentNode.hidden);
}

// The focus stays where it was, by what it is called there.
function place(old, now) {
  const { id, value } = old.contains(document.activeElement) ? document.activeElement : {};
  old.replaceWith(now);
  if (id) part(id)?.focus();
  else if (value) folders().find((button) => button.value === value)?.focus();
}

let turn = 0;

// Asks what the folder holds and which projects the connection reaches; the token stays here.
async function look(name, value) {
  const form = part("sync-form");
  const sent = new URLSearchParams(new FormData(form));
  const own = ++turn;
  sent.delete("access_token");
  sent.set(name, value);
  const answer = await fetch(form.action, { method: "POST", body: sent });
  const fresh = parsed(await answer.text());
  // What is being pressed must not go from under the mouse.
  while (document.querySelector("button:active")) await new Promise((done) => setTimeout(done, 50));
  if (own !== turn || !fresh.forms["sync-form"]) return;
  const token = part("access_token")?.value;
  for (const id of ["source-list", "names", "project-note", "project-field", "comparing"]) place(part(id), fresh.getElementById(id));
  if (token && part("access_token")) part("access_token").value = token;
  if (!named) for (const name of ["name", "suggested"]) form.elements[name].value = fresh.forms["sync-form"].elements[name].value;
  document.dispatchEvent(new Event("placed"));
  rename();
  announce(part("source-list").querySelector("[aria-current]")?.textContent ?? "");
}

on("input", ({ target: { id } }) => {
  named ||= id === "name";
  if (id === "key_schema") rename();
  if (id === "secret_path") filter();
});
// Without an answer, review says it.
on("change", ({ target: { id } }) => {
  if (["environment", "secret_path", "connection_id"].includes(id)) look("look", "1").catch(() => {});
});
on("submit", (event) => {
  if (!event.submitter?.closest("#source-list")) return;
  event.preventDefault();
  part("secret_path").value = event.submitter.value;
  look("use_secret_path", event.submitter.value).catch(() => {});
});
