// Fields of secrets: shown on demand.

import { on, part } from "./page.js";

const buttons = () => [...document.querySelectorAll("[data-show]")];
const field = (button) => part(button.dataset.show);

export const secrets = () => buttons().map(field);

function show(button, shown) {
  field(button).type = shown ? "text" : "password";
  button.querySelector("span").textContent = shown ? "Hide" : "Show";
  button.hidden = false;
}

// Browsers remember what text fields had in them: secrets are hidden before they are sent.
const hide = () => buttons().forEach((button) => show(button, false));
on("placed", hide);
on("submit", hide);
addEventListener("pageshow", hide);
on("click", ({ target }) => {
  const button = target.closest("[data-show]");
  if (button) show(button, field(button).type === "password");
});
