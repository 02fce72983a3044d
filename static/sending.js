// Sends the form in place, so that the access token stays in its field.

import { announce, on, parsed, part, secret } from "./page.js";

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

// What was typed and is no secret.
const plain = (sent) =>
  Object.fromEntries([...sent].filter(([name, text]) => typed.includes(name) && text && !secret.test(text)));

// Back finds what was typed, and when this form was served.
function leave(url, sent) {
  part("access_token").value = "";
  history.replaceState({ ...plain(sent), served: sent.get("served") }, "");
  location.assign(url);
}

// The page for no answer; `since` is by the server's clock.
function outcome(sent, began) {
  const since = new Date(Date.parse(form().dataset.served) + began - served).toISOString();
  return `${form().dataset.outcome}&${new URLSearchParams({ ...plain(sent), since })}`;
}

// Keeps the token and what was typed meanwhile.
function carry(sent, main) {
  for (const old of document.querySelectorAll(".field :is(input, textarea)")) {
    const now = main.querySelector(`#${old.id}`);
    if (now && (old.type === "password" || old.value !== sent.get(old.name))) now.value = old.value;
  }
  if (part("access_token").value) main.querySelector("#access_token-note")?.replaceChildren();
}

// The focus goes to a refusal, stays where somebody types, or goes to what is new.
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
    // Leaving ends the request too, and comes first.
    setTimeout(() => {
      if (creating) return leave(outcome(sent, began), sent);
      settle?.();
      part("unreached").hidden = false;
      announce(part("unreached").textContent);
    }, 1000);
  }
}

on("submit", (event) => {
  if (event.target !== form()) return;
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

for (const [name, value] of Object.entries(history.state ?? {})) Object.assign(form().elements[name], { value, checked: true });
