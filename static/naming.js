// Suggests a name for the connection, and shapes what is typed into one.

import { on, part, secret } from "./page.js";

// Letters that Unicode does not take apart, and dashes.
const plain = { æ: "ae", œ: "oe", þ: "th" };
[..."ðđɗɓħıłƙŋøɔŧəɛƴ–—"].forEach((letter, at) => (plain[letter] = "dddbhilknooteey--"[at]));

// As the server does it, but for a last hyphen, which more may follow, and secrets, which it must see.
function slug(text) {
  if (secret.test(text)) return "";
  const ascii = text.toUpperCase().toLowerCase().normalize("NFKD").replace(/[^\0-\x7f]/g, (letter) => plain[letter] ?? "");
  return ascii.replace(/[^a-z0-9]+/g, "-").replace(/^-/, "");
}

function shape(field) {
  const text = slug(field.value);
  if (!text || text === field.value) return;
  const caret = slug(field.value.slice(0, field.selectionStart)).length;
  field.value = text;
  field.setSelectionRange(caret, caret);
}

on("input", ({ target, isComposing }) => target.id === "name" && !isComposing && shape(target));
on("focusout", ({ target }) => {
  if (target.id === "name") target.value = slug(target.value).replace(/-$/, "") || target.value;
});

const { suggested } = part("connection-form").dataset;
if (suggested && !part("error-summary")) part("name").value ||= suggested;
