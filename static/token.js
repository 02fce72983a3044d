// The access token: shown on demand, not lost without a word, never beside checks of another one.

import { on, part } from "./page.js";

function show(shown) {
  const button = document.querySelector("[data-show]");
  if (!button) return;
  part("access_token").type = shown ? "text" : "password";
  button.querySelector("span").textContent = shown ? "Hide" : "Show";
  button.hidden = false;
}

// Browsers remember what text fields held, so a shown token is hidden before it is sent.
for (const name of ["placed", "submit"]) on(name, () => show(false));
addEventListener("pageshow", () => show(false));
addEventListener("beforeunload", (event) => part("access_token")?.value && event.preventDefault());
on("click", ({ target }) => target.closest("[data-show]") && show(part("access_token").type === "password"));
on("input", ({ target }) => {
  if (!part("checks") || !/token|url/.test(target.id)) return;
  part("checks").remove();
  document.querySelector(".check [data-busy]").firstChild.data = "Check this token";
});
