// Shows the copy buttons and puts what they name on the clipboard. Without script there are none.

import { announce, on, part } from "./page.js";

async function copy(button) {
  const before = button.innerHTML;
  if (before.includes("Copied")) return;
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
}

function offer() {
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
}

// Browsers offer the clipboard on https and loopback only.
if (navigator.clipboard) {
  offer();
  on("placed", offer);
  on("click", ({ target }) => {
    const button = target.closest("[data-copy]");
    if (button) copy(button);
  });
}
