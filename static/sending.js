// Sends the form without leaving the page, so that the access token stays in its field.

import { announce, on, parsed, part } from "./page.js";

const form = () => part("connection-form");
const typed = ["name", "description", "instance_url", "expires_on", "expires_in_description"];
let served = performance.now();
let settle;

// Beside the button that creates, Cancel becomes Leave: Infisical may go on alone.
function wait(buttons) {
  const began = performance.now();
  const changing = [...buttons.querySelectorAll("[data-busy]")];
  const button = changing[0].parentNode;
  const [clock] = changing[0].children;
  let next = 5;
  let timer = setTimeout(show, 300);
  form().dataset.sending = "1";

  function swap() {
    for (const { dataset, firstChild } of changing) [firstChild.data, dataset.busy] = [dataset.busy, firstChild.data];
  }

  function show() {
    swap();
    button.ariaDisabled = "true";
    part("leaving").hidden = !changing[1];
    announce(changing[0].textContent);
    timer = setInterval(tick, 1000);
  }

  function tick() {
    const seconds = Math.floor((performance.now() - began) / 1000);
    if (seconds >= 5) clock.textContent = ` ${seconds} s`;
    if (seconds < next) return;
    part("slow").hidden = next < 20;
    announce(next === 20 ? part("slow").textContent : `Still checking, ${seconds} seconds.`);
    next += next === 5 ? 15 : 30;
  }

  settle = () => {
    settle = undefined;
    clearInterval(timer);
    if (button.ariaDisabled) swap();
    clock.textContent = "";
    button.ariaDisabled = null;
    part("slow").hidden = part("leaving").hidden = true;
    delete form().dataset.sending;
    announce("");
  };
}

// Without the token in it the page may be left. Back finds the rest, and when this form was served.
function leave(url, sent) {
  part("access_token").value = "";
  sent.delete("access_token");
  history.replaceState(Object.fromEntries(sent), "");
  location.assign(url);
}

// The page for no answer; `since` is by the server's clock.
function outcome(sent, began) {
  const url = new URL(form().dataset.outcome, location);
  const since = Date.parse(form().dataset.served) + began - served;
  url.searchParams.set("since", new Date(since).toISOString());
  for (const name of typed) if (sent.get(name)) url.searchParams.set(name, sent.get(name));
  return url;
}

// Keeps the token, and what was typed while the answer was on its way.
function carry(sent, main) {
  for (const old of document.querySelectorAll(".field :is(input, textarea)")) {
    const now = main.querySelector(`#${old.id}`);
    if (now && (old.type === "password" || old.value !== sent.get(old.name))) now.value = old.value;
  }
  const note = main.querySelector("#access_token-note");
  if (note && part("access_token").value) note.textContent = "";
}

// The focus goes to a refusal, or stays where somebody types, or goes to what is new.
function put(page, sent) {
  const at = document.activeElement.closest(".field :is(input, textarea)")?.id;
  carry(sent, page.querySelector("main"));
  settle?.();
  document.title = page.title;
  for (const name of ["header", "main"]) document.querySelector(name).replaceWith(page.querySelector(name));
  served = performance.now();
  document.dispatchEvent(new Event("placed"));
  const to = part("error-summary") ?? part(at) ?? part("checks") ?? part("instance_url") ?? part("main");
  to.focus();
  if (to.id === at) announce(part("checks-title")?.textContent ?? "");
}

async function send(submitter) {
  const began = performance.now();
  const sent = new URLSearchParams(new FormData(form()));
  const creating = submitter.name === "submit";
  sent.set(submitter.name, submitter.value);
  wait(creating ? part("submit").parentNode : submitter);
  try {
    const answer = await fetch(form().action, { method: "POST", body: sent });
    if (answer.redirected) leave(answer.url, sent);
    else put(parsed(await answer.text()), sent);
  } catch {
    // Leaving ends the request too; then the page that was asked for comes first.
    setTimeout(() => {
      if (creating) return leave(outcome(sent, began), sent);
      settle?.();
      part("unreached").hidden = false;
      announce(part("unreached").textContent);
    }, 1000);
  }
}

on("submit", (event) => {
  const submitter = event.submitter ?? part("submit");
  if (submitter.name === "change_project") {
    part("access_token").value = "";
    if (part("name").value === form().dataset.suggested) part("name").value = "";
    return;
  }
  event.preventDefault();
  if (!form().dataset.sending) send(submitter);
});
addEventListener("pageshow", () => settle?.());

for (const name of ["served", ...typed]) {
  const value = history.state?.[name];
  if (value) Object.assign(form().elements[name], { value, checked: true });
}
