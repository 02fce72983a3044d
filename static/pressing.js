// A form that the browser sends says on its button what is going on, and is sent once.

import { on } from "./page.js";
import { settle, wait } from "./waiting.js";

on("submit", (event) => {
  const { target, submitter } = event;
  if (submitter?.closest("#source-list")) return;
  if (target.dataset.sending) return event.preventDefault();
  const button = [submitter, target.querySelector(".primary")].find((one) => one?.querySelector("[data-busy]"));
  if (button) wait(button);
});
addEventListener("pageshow", settle);
