// What every script needs.

export const part = (id) => document.getElementById(id);
export const on = (name, act) => document.addEventListener(name, act);
export const parsed = (text) => new DOMParser().parseFromString(text, "text/html");

// How pasted secrets begin. The server knows them better.
export const secret = /([Ss][Bb][Pp]_|sb_secret_|eyJ|\bst\.)[\w-]{8}|:\/\/[^\s/@]*:\S+@/;

const region = document.createElement("p");
region.className = "unseen";
region.role = "status";
document.body.append(region);

export const announce = (text) => (region.textContent = text);
