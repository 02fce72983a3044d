// Sends the form in place, so that what is secret stays in its field.

import { announce, on, parsed, part, secret } from "./page.js";
import { secrets } from "./secrets.js";
import { settle, wait } from "./waiting.js";

const form = () => part("connection-form");
let served = performance.now();

// What was typed and may stand in an address.
function carried(sent) {
  const names = form().dataset.carried.split(" ");
  return Object.fromEntries([...sent].filter(([name, text]) => names.includes(name) && text && !secret.test(text)));
}

const forget = () => secrets().forEach((field) => (field.value = ""));

// Back and Reload find what was typed, and when this form was served.
function remember(sent) {
  history.replaceState({ ...carried(sent), served: sent.get("served") }, "");
}

function leave(url, sent) {
  forget();
  remember(sent);
  location.assign(url);
}

// The page for no answer; `since` is by the server's clock.
function outcome(sent, began) {
  const since = new Date(Date.parse(form().dataset.served) + began - served).toISOString();
  return `${form().dataset.outcome}&${new URLSearchParams({ ...carried(sent), since })}`;
}

// Keeps secrets and what was typed meanwhile.
function carry(sent, main) {
  for (const old of document.querySelectorAll(".field :is(input, textarea)")) {
    const now = main.querySelector(`#${old.id}`);
    if (now && (secrets().includes(old) || old.value !== sent.get(old.name))) now.value = old.value;
  }
  for (const field of secrets()) if (field.value) main.querySelector(`#${field.id}-note`)?.replaceChildren();
}

// The focus goes to a refusal, stays where somebody types, or goes to what is new.
function put(page, sent, submitter) {
  const at = document.activeElement.closest(".field :is(input, textarea)")?.id;
  const filledIn = submitter.closest(".field")?.querySelector("input").id;
  remember(sent);
  carry(sent, page.querySelector("main"));
  settle();
  document.title = page.title;
  for (const name of ["header", "main"]) document.querySelector(name).replaceWith(page.querySelector(name));
  served = performance.now();
  document.dispatchEvent(new Event("placed"));
  const to = part("error-summary") ?? part(at) ?? part("checks") ?? part(filledIn) ?? part("main");
  to.focus();
  if (to.id === at) announce(part("checks-title")?.textContent ?? "");
}

async function send(submitter) {
  const began = performance.now();
  const sent = new URLSearchParams(new FormData(form()));
  const creating = submitter.name === "submit";
  sent.set(submitter.name, submitter.value);
  wait(creating ? part("submit") : submitter);
  try {
    const answer = await fetch(form().action, { method: "POST", body: sent });
    if (answer.redirected) leave(answer.url, sent);
    else put(parsed(await answer.text()), sent, submitter);
  } catch {
    // Leaving ends the request too, and comes first.
    setTimeout(() => {
      if (creating) return leave(outcome(sent, began), sent);
      settle();
      part("unreached").hidden = false;
      announce(part("unreached").textContent);
    }, 1000);
  }
}

on("submit", (event) => {
  if (event.target !== form()) return;
  const submitter = event.submitter ?? part("submit");
  if (submitter.name === "change_project") {
    forget();
    if (part("name").value === form().dataset.suggested) part("name").value = "";
    return;
  }
  event.preventDefault();
  if (!form().dataset.sending) send(submitter);
});
addEventListener("pageshow", settle);
addEventListener("beforeunload", (event) => {
  // A problem's page may have taken the form's place.
  if (form()) remember(new FormData(form()));
  if (secrets().some((field) => field.value)) event.preventDefault();
});

for (const [name, value] of Object.entries(history.state ?? {})) Object.assign(form().elements[name] ?? {}, { value, checked: true });
