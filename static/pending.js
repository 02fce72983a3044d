// Looks again while it is not known whether a connection was created.

import { parsed, part } from "./page.js";
import { localize } from "./times.js";

const box = part("outcome");
const status = box.querySelector("[role=status]");
const progress = box.querySelector("progress");
const began = performance.now() - 1000 * box.dataset.elapsed;
const elapsed = () => Math.floor((performance.now() - began) / 1000);

function tick() {
  const seconds = Math.min(elapsed(), progress.max);
  const minutes = Math.floor(seconds / 60);
  box.querySelector("[data-part=clock]").textContent = `${minutes ? `${minutes} min ` : ""}${seconds % 60} s`;
  progress.value = seconds;
}

// The same words would be read out again.
function announceOnce(text) {
  if (status.textContent !== text) status.textContent = text;
}

function put(fresh) {
  announceOnce(fresh.querySelector("[role=status]").textContent);
  for (const name of ["log", "result"]) {
    const [old, now] = [box, fresh].map((page) => page.querySelector(`[data-part=${name}]`));
    if (old.textContent === now.textContent) {
      old.querySelectorAll("a").forEach((link, at) => (link.href = now.querySelectorAll("a")[at].href));
      continue;
    }
    const focused = old.contains(document.activeElement);
    old.replaceWith(now);
    document.dispatchEvent(new Event("placed"));
    if (focused) now.querySelector("a")?.focus();
  }
}

// Seconds until the next look, none after the last.
async function look(wait) {
  try {
    const answer = await fetch(location.href);
    if (answer.redirected) {
      const created = new URL(answer.url).searchParams.has("created");
      announceOnce(created ? "The connection is there. Opening it." : "Opening the next page.");
      setTimeout(() => location.assign(answer.url), 1000);
      return 0;
    }
    const fresh = parsed(await answer.text()).getElementById("outcome");
    localize(fresh);
    put(fresh);
    return fresh.dataset.refresh;
  } catch {
    announceOnce(`This page could not be reached just now. The next try is in ${wait} seconds.`);
    return wait;
  }
}

async function follow(wait) {
  const ticking = setInterval(tick, 1000);
  while (wait && elapsed() < progress.max + 20) {
    await new Promise((done) => setTimeout(done, 1000 * wait));
    wait = await look(elapsed() < 60 ? 5 : 20);
  }
  clearInterval(ticking);
}

follow(box.dataset.refresh);
