// Follows a sync while Infisical works on it.

import { announce, parsed, part } from "./page.js";
import "./pressing.js";
import { localize } from "./times.js";

const rows = (live) => [...live.querySelectorAll(".stages li")];
const standing = (live) => [live.querySelector("[data-status]").dataset.status, ...rows(live).map((row) => row.className)].join();
const seen = [];

// What Infisical does not tell, this page has seen: when a stage was over.
function note(before, fresh) {
  rows(fresh).forEach((row, at) => {
    const cell = row.querySelector("[data-at]");
    if (row.className !== "done" || cell.textContent) return;
    seen[at] ??= rows(before)[at]?.className === "now" ? String(new Date()).split(" ")[4] : "";
    cell.textContent = seen[at];
  });
}

// Seconds until the next look, none after the last.
async function again(wait) {
  try {
    const answer = await fetch(location.href);
    if (answer.redirected) return location.assign(answer.url);
    const page = parsed(await answer.text());
    const [before, fresh] = [part("live"), page.getElementById("live")];
    if (standing(before) !== standing(fresh)) {
      const focused = before.contains(document.activeElement) && document.activeElement.id;
      localize(fresh);
      note(before, fresh);
      before.replaceWith(fresh);
      if (focused !== false) (part(focused) ?? fresh.querySelector("h1")).focus();
      document.title = page.title;
      document.dispatchEvent(new Event("placed"));
      announce((fresh.querySelector(".stages .now span") ?? fresh.querySelector("h1")).textContent);
    }
    return fresh.dataset.refresh;
  } catch {
    return Math.min(20, 2 * wait);
  }
}

async function follow({ elapsed, refresh }) {
  const began = performance.now() - 1000 * elapsed;
  const ticking = setInterval(() => {
    const seconds = Math.floor((performance.now() - began) / 1000);
    const clock = document.querySelector("[data-part=clock]");
    if (clock) clock.textContent = `${seconds < 60 ? "" : `${Math.floor(seconds / 60)} min `}${seconds % 60} s`;
  }, 1000);
  for (let wait = refresh; wait; wait = await again(wait)) await new Promise((done) => setTimeout(done, 1000 * wait));
  clearInterval(ticking);
}

follow(part("live").dataset);
