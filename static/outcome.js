// Looks again while a connection's fate is unknown: counts the seconds, fetches this page and puts what is new in place.

const LONGEST = 600;
const box = document.getElementById("outcome");
const status = box.querySelector("[role=status]");
const began = performance.now() - 1000 * Number(box.dataset.elapsed);
const elapsed = () => Math.floor((performance.now() - began) / 1000);

function tick() {
  const seconds = Math.min(elapsed(), LONGEST);
  const minutes = Math.floor(seconds / 60);
  box.querySelector("[data-part=clock]").textContent = `${minutes ? `${minutes} min ` : ""}${seconds % 60} s`;
  box.querySelector("progress").value = seconds;
}

function say(text) {
  if (status.textContent !== text) status.textContent = text;
}

function put(fresh) {
  say(fresh.querySelector("[role=status]").textContent);
  for (const name of ["log", "result"]) {
    const old = box.querySelector(`[data-part=${name}]`);
    const now = fresh.querySelector(`[data-part=${name}]`);
    if (old.textContent === now.textContent) continue;
    const focused = old.contains(document.activeElement);
    for (const button of now.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
    old.replaceWith(now);
    if (focused) now.querySelector("a")?.focus();
  }
}

// Tells in how many seconds to look again; nothing when there is no more to look for.
async function look(wait) {
  let answer;
  try {
    answer = await fetch(location.href, { cache: "no-store" });
  } catch {
    say(`This page could not be reached just now. The next try is in ${wait} seconds.`);
    return wait;
  }
  if (answer.redirected) {
    const there = new URL(answer.url).pathname.includes("/connections/supabase/");
    say(there ? "The connection is there. Opening it." : "Opening the next page.");
    setTimeout(() => location.assign(answer.url), 1000);
    return undefined;
  }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("outcome");
  if (!fresh) {
    say(`The answer could not be read. The next try is in ${wait} seconds.`);
    return wait;
  }
  put(fresh);
  return Number(fresh.dataset.refresh) || undefined;
}

async function follow(first) {
  let wait = first;
  const ticking = setInterval(tick, 1000);
  while (wait) {
    await new Promise((resume) => setTimeout(resume, 1000 * wait));
    wait = await look(elapsed() < 60 ? 5 : 20);
    if (elapsed() >= LONGEST + 20) wait = undefined;
  }
  clearInterval(ticking);
}

if (box.dataset.refresh) follow(Number(box.dataset.refresh));
