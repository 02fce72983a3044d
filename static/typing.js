// Suggests and shapes the name, asks about a field that is left.

import { on, parsed, part, secret } from "./page.js";

const changed = new Set();

// As the server does it, but for a last hyphen, which more may follow, and secrets, which it must see.
function slug(text) {
  if (secret.test(text)) return "";
  const plain = text.toUpperCase().toLowerCase().normalize("NFKD").replace(/[^\0-\x7f]/g, "");
  return plain.replace(/[^a-z0-9]+/g, "-").replace(/^-/, "");
}

function shape(field) {
  const text = slug(field.value);
  if (!text || text === field.value) return;
  const caret = slug(field.value.slice(0, field.selectionStart)).length;
  field.value = text;
  field.setSelectionRange(caret, caret);
}

// The input stays, with focus and caret; what is said of it changes.
function put(field, fresh) {
  const said = fresh.querySelector(`#${field.id}`);
  const [row, other] = [field, said].map((input) => input.closest(".field > *"));
  while (row.nextSibling) row.nextSibling.remove();
  while (other.nextSibling) row.parentNode.append(other.nextSibling);
  row.parentNode.className = fresh.className;
  field.ariaInvalid = said.ariaInvalid;
  field.setAttribute("aria-describedby", said.getAttribute("aria-describedby"));
  const check = row.parentNode.nextElementSibling;
  if (check.className === "check") check.hidden = fresh.matches(".error");
}

async function ask(field) {
  const { form, id } = field;
  const typed = new URLSearchParams(new FormData(form));
  if (id !== "access_token") typed.delete("access_token");
  typed.set("validate", id);
  const answer = await fetch(form.action, { method: "POST", body: typed });
  const fresh = parsed(await answer.text()).querySelector("body > .field");
  // No message may push away a button that is being pressed.
  while (document.querySelector(":is(a, button):active")) await new Promise((done) => setTimeout(done, 50));
  if (fresh && !changed.has(id) && !form.dataset.sending) put(field, fresh);
}

on("submit", () => changed.clear());
on("input", ({ target, isComposing }) => {
  changed.add(target.id);
  if (target.id === "name" && !isComposing) shape(target);
});
on("focusout", ({ target }) => {
  if (target.id === "name") target.value = slug(target.value).replace(/-$/, "") || target.value;
  // Without an answer the form says it when it is sent.
  if (changed.delete(target.id) && target.value && target.closest(".field")) ask(target).catch(() => {});
});

if (!part("error-summary")) part("name").value ||= part("connection-form").dataset.suggested;
