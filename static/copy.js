// The buttons that copy. Without script there are none.

import { announce, on, part } from "./page.js";

const offer = () => document.querySelectorAll("[data-copy]").forEach((button) => (button.hidden = false));

on("click", async ({ target }) => {
  const button = target.closest("[data-copy]");
  const before = button?.innerHTML;
  if (!button || before.includes("Copied")) return;
  try {
    await navigator.clipboard.writeText(part(button.dataset.copy).textContent);
  } catch {
    return announce("Not copied. Select the text and copy it by hand.");
  }
  button.querySelector("span").textContent = "Copied";
  button.querySelector("path").setAttribute("d", "m4.5 10.5 3.8 4L15.5 6");
  announce("Copied");
  setTimeout(() => {
    button.innerHTML = before;
    announce("");
  }, 2000);
});

// Browsers offer the clipboard on https and loopback only.
if (navigator.clipboard) {
  offer();
  on("placed", offer);
}
