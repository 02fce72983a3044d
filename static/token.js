// Secrets: shown on demand, not lost silently, not beside another's checks.

import { on, part } from "./page.js";

function show(button, shown) {
  part(button.dataset.show).type = shown ? "text" : "password";
  button.querySelector("span").textContent = shown ? "Hide" : "Show";
  button.hidden = false;
}

// Browsers remember what text fields held: secrets are hidden before they are sent.
const hide = () => document.querySelectorAll("[data-show]").forEach((button) => show(button));
on("placed", hide);
on("submit", hide);
addEventListener("pageshow", hide);
addEventListener("beforeunload", (event) => part("access_token")?.value && event.preventDefault());
on("click", ({ target }) => {
  const button = target.closest("[data-show]");
  if (button) show(button, part(button.dataset.show).type === "password");
});
on("input", ({ target }) => {
  if (!part("checks") || !/token|url/.test(target.id)) return;
  part("checks").remove();
  document.querySelector(".check [data-busy]").firstChild.data = "Check this token";
});
